// The last part of patch transfer: lays the matched value patches over each other.
#pragma once

#include <cstdint>

namespace petsgan {

struct FoldTask {
  std::int64_t height, width;          // of the result
  std::int64_t ref_height, ref_width;  // of one reference image
  std::int64_t channels;               // value channels
  std::int64_t radius;                 // window = 2 * radius + 1
  bool normalize;                      // divide by the votes, not by the patch count
  const float* values;        // [images][ref_height][ref_width][channels + 1], the last is 1
  const std::int32_t* index;  // [height][width]
  const float* weight;        // [height][width]
  float* out;                 // [channels][height][width]
};

// Where a patch lies inside both maps: offsets from its centre, the last included.
struct PatchOverlap {
  std::int64_t top, bottom, left, right;
};
PatchOverlap patch_overlap(const FoldTask& task, std::int64_t y, std::int64_t x);

// Fills sums [last - first][width][channels + 1] with the weighted votes for the rows [first, last)
// of the result, the sum of the weights last. A pixel's terms are added in the order of the
// patches, so the split into bands of rows does not change them.
void sum_votes(const FoldTask& task, std::int64_t first, std::int64_t last, float* sums);

// What the votes for a pixel are divided by, given its sums.
float vote_divisor(const FoldTask& task, std::int64_t y, std::int64_t x, const float* sums);

// Averages the rows [first, last) of the result. `scratch` has width * (channels + 1) floats for
// each of these rows.
void fold_rows(const FoldTask& task, std::int64_t first, std::int64_t last, float* scratch);

}  // namespace petsgan
