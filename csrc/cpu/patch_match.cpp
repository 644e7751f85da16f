// Cuts the diagonals of all reference images into fixed chunks, and merges them in fixed order.
#include "cpu/patch_match.h"

#include <algorithm>
#include <cmath>

namespace petsgan {
namespace {

constexpr std::int64_t kPairsPerChunk = std::int64_t{1} << 17;
constexpr std::int64_t kMaxChunks = 32;
constexpr double kLog2E = 1.4426950408889634;

std::int64_t num_diagonals(const SimilarityTask& task) {
  return task.query_height + task.key_height - 1;
}

// First diagonals of chunks of about equal work, and one past the last. Diagonals of several
// reference images are numbered on. Depends on the sizes only, never on the thread count, which
// makes the result independent of it.
std::vector<std::int64_t> chunk_diagonals(const SimilarityTask& task, std::int64_t images) {
  const std::int64_t diagonals = num_diagonals(task), end = diagonals * images;
  const std::int64_t row_pairs = task.query_height * task.key_height * images;
  const std::int64_t pairs = row_pairs * task.padded_width * task.key_width;
  const std::int64_t chunks =
      std::clamp<std::int64_t>(pairs / kPairsPerChunk, 1, std::min(kMaxChunks, end));
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

SimilarityTask make_task(std::int64_t height, std::int64_t width, const PackedReference& reference,
                         bool soft) {
  const std::int64_t lanes = reference.kernel->lanes;
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

}  // namespace

PatchMatcher::PatchMatcher(std::int64_t height, std::int64_t width,
                           const PackedReference& reference, double temperature,
                           const Parallel& parallel)
    : reference_(reference),
      kernel_(*reference.kernel),
      temperature_(temperature),
      parallel_(parallel),
      task_(make_task(height, width, reference, temperature > 0.0)),
      size_(task_.query_height * task_.padded_width),
      starts_(chunk_diagonals(task_, reference.shape.images)),
      packed_query_(height * kernel_.query_row_bytes(task_.channels, task_.padded_width)),
      steepness_(size_),
      cutoff_(size_),
      result_(size_),
      scratch_([this] {
        return std::make_unique<Scratch>(Scratch{
            AlignedBuffer<float>(kernel_.scratch_size(task_)),
            std::vector<const float*>(static_cast<std::size_t>(2 * task_.radius + kernel_.rows))});
      }),
      chunk_matches_([this] { return std::make_unique<Matches>(size_); }) {}

void PatchMatcher::match(const FeatureMap& query, std::int64_t image, std::int32_t* index,
                         float* weight) {
  prepare(query, image);
  parallel_(num_chunks(), [this](std::int64_t chunk) {
    std::unique_ptr<Matches> matches = chunk_matches_.take();
    std::unique_ptr<Scratch> scratch = scratch_.take();
    run_chunk(chunk, matches->state(), *scratch);
    scratch_.give_back(std::move(scratch));
    merge_in_order(chunk, std::move(matches));
  });
  const MatchState result = result_.state();
  for (std::int64_t y = 0; y < query.height; ++y) {
    for (std::int64_t x = 0; x < query.width; ++x) {
      const std::int64_t at = y * task_.padded_width + x;
      *index++ = result.index[at];
      *weight++ = task_.soft ? 1.0F / result.sum[at] : 1.0F;
    }
  }
}

void PatchMatcher::prepare(const FeatureMap& query, std::int64_t image) {
  const float scale = normalizing_scale(query, "patch_transfer: query", image);
  const std::vector<float> inverse_norms = inverse_patch_norms(query, reference_.radius, scale);
  const double keys = static_cast<double>(reference_.shape.images * reference_.plane());
  // All that is left out weighs less than e^-14 < 1e-6 of the best.
  const double nats = std::log(keys) + 14.0;
  const std::int64_t row_bytes = kernel_.query_row_bytes(task_.channels, task_.padded_width);
  for (std::int64_t y = 0; y < query.height; ++y) {
    kernel_.pack_query_row(query, scale, y, task_.padded_width,
                           packed_query_.data() + y * row_bytes);
    for (std::int64_t x = 0; x < query.width; ++x) {
      const double inverse =
          static_cast<double>(inverse_norms[static_cast<std::size_t>(y * query.width + x)]);
      const double per_score = task_.soft ? inverse / temperature_ : 0.0;
      const std::int64_t at = y * task_.padded_width + x;
      steepness_.data()[at] = static_cast<float>(std::min(per_score * kLog2E, 1e30));
      cutoff_.data()[at] = task_.soft ? static_cast<float>(std::min(nats / per_score, 1e30)) : 0.0F;
    }
  }
  reset(result_.state());
  next_to_merge_ = 0;
}

// Padding lanes start with a score that nothing beats, so that no update touches them.
void PatchMatcher::reset(const MatchState& state) const {
  std::fill_n(state.sum, size_, 0.0F);
  std::fill_n(state.index, size_, 0);
  for (std::int64_t y = 0; y < task_.query_height; ++y) {
    float* row = state.best + y * task_.padded_width;
    std::fill_n(row, task_.query_width, kNoScore);
    std::fill(row + task_.query_width, row + task_.padded_width, -kNoScore);
  }
}

void PatchMatcher::run_chunk(std::int64_t chunk, const MatchState& state, Scratch& scratch) {
  reset(state);
  const std::int64_t diagonals = num_diagonals(task_);
  const std::int64_t end = starts_[static_cast<std::size_t>(chunk) + 1];
  SimilarityTask task = task_;
  task.query = packed_query_.data();
  task.steepness = steepness_.data();
  task.cutoff = cutoff_.data();
  task.state = state;
  task.scratch = scratch.floats.data();
  task.planes = scratch.planes.data();
  for (std::int64_t at = starts_[static_cast<std::size_t>(chunk)]; at < end;) {
    const std::int64_t image = at / diagonals, next = std::min(end, (image + 1) * diagonals);
    task.keys = reference_.keys.data() + image * reference_.image_bytes();
    task.key_scale = reference_.key_scale.data() + image * reference_.plane();
    task.first_index = image * reference_.plane();
    task.first_diagonal = at - image * diagonals - (task.query_height - 1);
    task.last_diagonal = next - image * diagonals - (task.query_height - 1);
    kernel_.run(task);
    at = next;
  }
}

// Sums of floats depend on their order, so chunks are merged in theirs, not as they happen to end.
void PatchMatcher::merge_in_order(std::int64_t chunk, std::unique_ptr<Matches> matches) {
  const std::lock_guard lock(merge_mutex_);
  waiting_[chunk] = std::move(matches);
  for (auto next = waiting_.begin(); next != waiting_.end() && next->first == next_to_merge_;
       next = waiting_.erase(next), ++next_to_merge_) {
    kernel_.merge(result_.state(), next->second->state(), steepness_.data(), size_);
    chunk_matches_.give_back(std::move(next->second));
  }
}

}  // namespace petsgan
