#include "cpu/patch_fold_gradient.h"

#include <algorithm>

namespace petsgan {
namespace {

float dot(const float* a, const float* b, std::int64_t count) {
  float sum = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

void vote_gradient_rows(const FoldTask& task, const float* gradient, std::int64_t first,
                        std::int64_t last, float* votes) {
  const std::int64_t stride = task.channels + 1, plane = task.height * task.width;
  sum_votes(task, first, last, votes + first * task.width * stride);
  for (std::int64_t y = first; y < last; ++y) {
    for (std::int64_t x = 0; x < task.width; ++x) {
      const std::int64_t at = y * task.width + x;
      float* pixel = votes + at * stride;
      const float divisor = vote_divisor(task, y, x, pixel);
      float cost = 0.0F;
      for (std::int64_t c = 0; c < task.channels; ++c) {
        const float per_vote = gradient[c * plane + at] / divisor;
        if (task.normalize) cost += per_vote * (pixel[c] / divisor);
        pixel[c] = per_vote;
      }
      pixel[task.channels] = -cost;
    }
  }
}

void weight_gradient_rows(const FoldTask& task, const float* votes, std::int64_t first,
                          std::int64_t last, float* to_weight) {
  const std::int64_t stride = task.channels + 1;
  for (std::int64_t y = first; y < last; ++y) {
    for (std::int64_t x = 0; x < task.width; ++x) {
      const std::int64_t match = task.index[y * task.width + x];
      const PatchOverlap in = patch_overlap(task, y, x);
      const std::int64_t count = (in.right - in.left + 1) * stride;
      float sum = 0.0F;
      for (std::int64_t dy = in.top; dy <= in.bottom; ++dy) {
        sum += dot(task.values + (match + dy * task.ref_width + in.left) * stride,
                   votes + ((y + dy) * task.width + x + in.left) * stride, count);
      }
      to_weight[y * task.width + x] += sum;
    }
  }
}

void value_gradient_rows(const FoldTask& task, const float* votes, std::int64_t first,
                         std::int64_t last, double* to_values) {
  const std::int64_t stride = task.channels + 1;
  for (std::int64_t y = 0; y < task.height; ++y) {
    for (std::int64_t x = 0; x < task.width; ++x) {
      const std::int64_t match = task.index[y * task.width + x];
      const std::int64_t row = match / task.ref_width;
      if (row + task.radius < first || row - task.radius >= last) continue;
      const auto weight = static_cast<double>(task.weight[y * task.width + x]);
      const PatchOverlap in = patch_overlap(task, y, x);
      const std::int64_t count = (in.right - in.left + 1) * stride;
      const std::int64_t bottom = std::min(in.bottom, last - 1 - row);
      for (std::int64_t dy = std::max(in.top, first - row); dy <= bottom; ++dy) {
        const float* from = votes + ((y + dy) * task.width + x + in.left) * stride;
        double* to = to_values + (match + dy * task.ref_width + in.left) * stride;
        for (std::int64_t i = 0; i < count; ++i) to[i] += weight * static_cast<double>(from[i]);
      }
    }
  }
}

}  // namespace petsgan
