#include "cpu/patch_fold.h"

#include <algorithm>

namespace petsgan {
namespace {

// Adds the part of one patch that lies in rows [first, last) and inside both maps.
void add_patch(const FoldTask& task, std::int64_t y, std::int64_t x, std::int64_t first,
               std::int64_t last, float* sums) {
  const std::int64_t stride = task.channels + 1;
  const std::int64_t match = task.index[y * task.width + x];
  const float weight = task.weight[y * task.width + x];
  const PatchOverlap in = patch_overlap(task, y, x);
  const std::int64_t bottom = std::min(in.bottom, last - 1 - y);
  const std::int64_t count = (in.right - in.left + 1) * stride;
  for (std::int64_t dy = std::max(in.top, first - y); dy <= bottom; ++dy) {
    const float* from = task.values + (match + dy * task.ref_width + in.left) * stride;
    float* to = sums + ((y + dy - first) * task.width + x + in.left) * stride;
    for (std::int64_t i = 0; i < count; ++i) to[i] += weight * from[i];
  }
}

// Number of patches centred in [0, size) that reach position `at`.
std::int64_t cover(std::int64_t at, std::int64_t size, std::int64_t radius) {
  return std::min(at, radius) + std::min(size - 1 - at, radius) + 1;
}

}  // namespace

PatchOverlap patch_overlap(const FoldTask& task, std::int64_t y, std::int64_t x) {
  const std::int64_t match = task.index[y * task.width + x];
  const std::int64_t match_x = match % task.ref_width;
  // Rows of all images are numbered on.
  const std::int64_t match_y = match / task.ref_width % task.ref_height;
  return {std::max({-task.radius, -y, -match_y}),
          std::min({task.radius, task.height - 1 - y, task.ref_height - 1 - match_y}),
          std::max({-task.radius, -x, -match_x}),
          std::min({task.radius, task.width - 1 - x, task.ref_width - 1 - match_x})};
}

void sum_votes(const FoldTask& task, std::int64_t first, std::int64_t last, float* sums) {
  std::fill_n(sums, (last - first) * task.width * (task.channels + 1), 0.0F);
  const std::int64_t first_patch = std::max<std::int64_t>(0, first - task.radius);
  const std::int64_t last_patch = std::min(task.height, last + task.radius);
  for (std::int64_t y = first_patch; y < last_patch; ++y) {
    for (std::int64_t x = 0; x < task.width; ++x) add_patch(task, y, x, first, last, sums);
  }
}

float vote_divisor(const FoldTask& task, std::int64_t y, std::int64_t x, const float* sums) {
  if (task.normalize) return sums[task.channels];
  return static_cast<float>(cover(y, task.height, task.radius) * cover(x, task.width, task.radius));
}

void fold_rows(const FoldTask& task, std::int64_t first, std::int64_t last, float* scratch) {
  sum_votes(task, first, last, scratch);
  for (std::int64_t y = first; y < last; ++y) {
    for (std::int64_t x = 0; x < task.width; ++x) {
      const float* sums = scratch + ((y - first) * task.width + x) * (task.channels + 1);
      const float votes = vote_divisor(task, y, x, sums);
      for (std::int64_t c = 0; c < task.channels; ++c) {
        task.out[(c * task.height + y) * task.width + x] = sums[c] / votes;
      }
    }
  }
}

}  // namespace petsgan
