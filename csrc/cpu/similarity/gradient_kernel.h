// The inner kernel of patch transfer's gradient: streams the similarities of a range of diagonals
// once more, turns each into the gradient of its patch product, and carries that back to the
// query's features. One build of it for each instruction set.
#pragma once

#include "cpu/similarity/kernel.h"

namespace petsgan {

// Per query, rows of `match.padded_width`; scores are those of similarity/kernel.h. The gradient of
// the best match's score is `at_best`, that of any other is -spread * exp2((score - best) *
// steepness): the two are not taken from one difference, which would leave nothing but rounding
// where a match is certain.
struct GradientTask {
  SimilarityTask match;       // `state` is not used; `scratch` as GradientKernel says
  const float* best;          // score of the best match
  const float* at_best;       // with w the weight and s the slope of w over p: s (1 - w)
  const float* spread;        // s w; 0 in the padding
  const std::int32_t* index;  // of the best match, in `match`'s numbering
  const std::byte* channels;  // rows as pack_channel_row() made them
  float* excess;              // += sum over keys of exp2(...) * (best - score)
  float* sums;                // [query_height][channels][padded_width], += key x gradient
};

struct GradientKernel {
  std::int64_t lanes;
  // Rows of features as in SimilarityKernel. A row of channels is as long as one of keys, and is
  // multiplied with gradients of key columns instead of features of channels.
  std::int64_t (*query_row_bytes)(std::int64_t channels, std::int64_t padded_width);
  void (*pack_query_row)(const FeatureMap& map, float scale, std::int64_t row,
                         std::int64_t padded_width, std::byte* packed);
  std::int64_t (*key_row_bytes)(std::int64_t channels, std::int64_t width);
  void (*pack_key_row)(const FeatureMap& map, float scale, std::int64_t row, std::byte* packed);
  void (*pack_channel_row)(const FeatureMap& map, float scale, std::int64_t row, std::byte* packed);
  std::int64_t (*scratch_size)(const SimilarityTask& task);
  std::int64_t (*num_planes)(const SimilarityTask& task);  // pointers in `match.planes`
  void (*run)(const GradientTask& task);
};

// The fastest that this build and this machine have; see simd_level().
const GradientKernel& gradient_kernel();

extern const GradientKernel kGradientPortable;
#ifdef PETSGAN_X86_KERNELS
extern const GradientKernel kGradientAvx2;
extern const GradientKernel kGradientAvx512;
#endif

}  // namespace petsgan
