// The first part of patch transfer: for every query patch the best reference patch and its weight.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/aligned_buffer.h"
#include "cpu/parallel.h"
#include "cpu/patch_pack.h"
#include "cpu/patch_reference.h"
#include "cpu/similarity/kernel.h"

namespace petsgan {

// Matches images of one size against one reference, one after the other.
class PatchMatcher {
 public:
  PatchMatcher(std::int64_t height, std::int64_t width, const PackedReference& reference,
               double temperature, const Parallel& parallel);

  // Fills index and weight, [height, width] each. `image` is the index in the batch, for messages.
  void match(const FeatureMap& query, std::int64_t image, std::int32_t* index, float* weight);

 private:
  struct Scratch {
    AlignedBuffer<float> floats;
    std::vector<const float*> planes;
  };

  std::int64_t num_chunks() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  MatchState state(std::int64_t chunk);
  void prepare(const FeatureMap& query, std::int64_t image);
  void reset(const MatchState& state) const;
  void run_chunk(std::int64_t chunk, Scratch& scratch);

  const PackedReference& reference_;
  const SimilarityKernel& kernel_;
  const double temperature_;
  const Parallel parallel_;
  SimilarityTask task_{};
  std::int64_t size_;                 // queries, padding included
  std::vector<std::int64_t> starts_;  // of the chunks, in diagonals of all reference images
  AlignedBuffer<float> packed_query_, steepness_, cutoff_, states_;
  AlignedBuffer<std::int32_t> indices_;
  ScratchList<Scratch> scratch_;
};

}  // namespace petsgan
