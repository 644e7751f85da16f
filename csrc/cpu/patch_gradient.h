// From the gradients of the weights of the best matches to that of the query's features.
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
#include "cpu/similarity/gradient_kernel.h"

namespace petsgan {

// Works on images of one size against one reference, one after the other.
class PatchGradient {
 public:
  // `features` are those of the reference, as they came.
  PatchGradient(std::int64_t height, std::int64_t width, const PackedReference& reference,
                const float* features, double temperature, const Parallel& parallel);

  // Fills `result` [channels, height, width]. `index` and `weight` are the best matches and
  // `to_weight` the gradient of that weight, [height, width] each.
  void run(const FeatureMap& query, std::int64_t image, const std::int32_t* index,
           const float* weight, const float* to_weight, float* result);

 private:
  struct Scratch {
    AlignedBuffer<float> floats;
    std::vector<const float*> planes;
  };

  using Sums = AlignedBuffer<float>;

  std::int64_t num_chunks() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  std::int64_t sums_size() const { return size_ * (task_.channels + 1); }
  const float* excess() const { return sums_.data() + size_ * task_.channels; }
  void pack_reference(const float* features);
  void pack_query(const FeatureMap& query, std::int64_t image);
  void prepare_row(std::int64_t y, const std::int32_t* index, const float* weight,
                   const float* to_weight);
  float best_score(std::int64_t y, std::int64_t x, std::int64_t match) const;
  void run_chunk(std::int64_t chunk, Scratch& scratch, float* sums);
  void merge_in_order(std::int64_t chunk, std::unique_ptr<Sums> sums);
  std::vector<double> lengthening() const;
  void finish(const FeatureMap& query, float* result) const;

  const PackedReference& reference_;
  const GradientKernel& kernel_;
  const double temperature_;
  const Parallel parallel_;
  SimilarityTask task_{};
  std::int64_t size_;                 // queries, padding included
  std::vector<std::int64_t> starts_;  // of the chunks
  std::int64_t key_bytes_;            // of one image
  AlignedBuffer<std::byte> packed_query_, packed_keys_, packed_channels_;
  std::vector<float> query_pixels_, key_pixels_;  // scaled, the channels of a pixel together
  float scale_ = 1.0F;                            // of the query
  std::vector<float> inverse_norms_;              // of the scaled query
  AlignedBuffer<float> steepness_, cutoff_;
  AlignedBuffer<float> best_, at_best_, spread_;
  AlignedBuffer<std::int32_t> index_;
  Sums sums_;  // GradientTask::sums, then GradientTask::excess
  ScratchList<Scratch> scratch_;
  ScratchList<Sums> chunk_sums_;
  // Finished chunks that wait for an earlier one.
  std::mutex merge_mutex_;
  std::map<std::int64_t, std::unique_ptr<Sums>> waiting_;
  std::int64_t next_to_merge_ = 0;
};

}  // namespace petsgan
