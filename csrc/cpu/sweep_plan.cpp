#include "cpu/sweep_plan.h"

#include <algorithm>
#include <cmath>

namespace petsgan {
namespace {

constexpr std::int64_t kPairsPerChunk = std::int64_t{1} << 17;
constexpr double kLog2E = 1.4426950408889634;

std::int64_t num_diagonals(const SimilarityTask& task) {
  return task.query_height + task.key_height - 1;
}

}  // namespace

SimilarityTask make_task(std::int64_t height, std::int64_t width, const PackedReference& reference,
                         std::int64_t lanes, bool soft) {
  SimilarityTask task{};
  task.channels = reference.shape.channels;
  task.query_height = height;
  task.query_width = width;
  task.padded_width = (width + lanes - 1) / lanes * lanes;
  task.key_height = reference.shape.height;
  task.key_width = reference.shape.width;
  // A larger shift pairs no pixel of one map with a pixel of the other.
  task.radius =
      std::min(reference.radius,
               std::max(std::min(height, task.key_height), std::min(width, task.key_width)) - 1);
  task.soft = soft;
  return task;
}

std::vector<std::int64_t> chunk_diagonals(const SimilarityTask& task, std::int64_t images,
                                          std::int64_t max_chunks) {
  const std::int64_t diagonals = num_diagonals(task), end = diagonals * images;
  const std::int64_t row_pairs = task.query_height * task.key_height * images;
  const std::int64_t pairs = row_pairs * task.padded_width * task.key_width;
  const std::int64_t chunks =
      std::clamp<std::int64_t>(pairs / kPairsPerChunk, 1, std::min(max_chunks, end));
  std::vector<std::int64_t> starts = {0};
  std::int64_t done = 0;
  for (std::int64_t at = 0; at < end; ++at) {
    if (done * chunks >= row_pairs * static_cast<std::int64_t>(starts.size()) &&
        at > starts.back()) {
      starts.push_back(at);
    }
    const std::int64_t delta = at % diagonals - (task.query_height - 1);
    done += std::min(
        {task.query_height, task.key_height - delta, task.query_height + delta, task.key_height});
  }
  starts.push_back(end);
  return starts;
}

std::vector<SweepPart> sweep_parts(const SimilarityTask& task, const PackedReference& reference,
                                   std::int64_t first, std::int64_t last) {
  const std::int64_t diagonals = num_diagonals(task), shift = task.query_height - 1;
  std::vector<SweepPart> parts;
  for (std::int64_t at = first; at < last;) {
    const std::int64_t image = at / diagonals, next = std::min(last, (image + 1) * diagonals);
    SweepPart part{image, task};
    part.task.key_scale = reference.key_scale.data() + image * reference.plane();
    part.task.first_index = image * reference.plane();
    part.task.first_diagonal = at - image * diagonals - shift;
    part.task.last_diagonal = next - image * diagonals - shift;
    parts.push_back(part);
    at = next;
  }
  return parts;
}

void set_steepness(const SimilarityTask& task, std::int64_t keys, double temperature,
                   const std::vector<float>& inverse_norms, float* steepness, float* cutoff) {
  // All that is left out weighs less than e^-14 < 1e-6 of the best.
  const double nats = std::log(static_cast<double>(keys)) + 14.0;
  for (std::int64_t y = 0; y < task.query_height; ++y) {
    for (std::int64_t x = 0; x < task.query_width; ++x) {
      const auto inverse =
          static_cast<double>(inverse_norms[static_cast<std::size_t>(y * task.query_width + x)]);
      const double per_score = task.soft ? inverse / temperature : 0.0;
      const std::int64_t at = y * task.padded_width + x;
      steepness[at] = static_cast<float>(std::min(per_score * kLog2E, 1e30));
      cutoff[at] = task.soft ? static_cast<float>(std::min(nats / per_score, 1e30)) : 0.0F;
    }
  }
}

}  // namespace petsgan
