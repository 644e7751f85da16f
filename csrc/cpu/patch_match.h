// The first part of patch transfer: for every query patch the best reference patch and its weight.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/aligned_buffer.h"
#include "cpu/feature_map.h"
#include "cpu/parallel.h"
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
  // Memory of one running chunk.
  struct Scratch {
    AlignedBuffer<float> floats;
    std::vector<const float*> planes;
  };
  // What is known about every query after some chunks.
  struct Matches {
    explicit Matches(std::int64_t size) : scores(2 * size), indices(size), size(size) {}
    MatchState state() { return {scores.data(), scores.data() + size, indices.data()}; }
    AlignedBuffer<float> scores;
    AlignedBuffer<std::int32_t> indices;
    std::int64_t size;
  };

  std::int64_t num_chunks() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  void prepare(const FeatureMap& query, std::int64_t image);
  void reset(const MatchState& state) const;
  void run_chunk(std::int64_t chunk, const MatchState& state, Scratch& scratch);
  void merge_in_order(std::int64_t chunk, std::unique_ptr<Matches> matches);

  const PackedReference& reference_;
  const SimilarityKernel& kernel_;
  const double temperature_;
  const Parallel parallel_;
  SimilarityTask task_{};
  std::int64_t size_;                 // queries, padding included
  std::vector<std::int64_t> starts_;  // of the chunks, in diagonals of all reference images
  AlignedBuffer<std::byte> packed_query_;
  AlignedBuffer<float> steepness_, cutoff_;
  Matches result_;
  ScratchList<Scratch> scratch_;
  ScratchList<Matches> chunk_matches_;
  // Finished chunks that wait for an earlier one.
  std::mutex merge_mutex_;
  std::map<std::int64_t, std::unique_ptr<Matches>> waiting_;
  std::int64_t next_to_merge_ = 0;
};

}  // namespace petsgan
