// Cuts the diagonals of all reference images into fixed chunks, and merges them in fixed order.
#include "cpu/patch_match.h"

#include <algorithm>

#include "cpu/sweep_plan.h"

namespace petsgan {
namespace {

constexpr std::int64_t kMaxChunks = 32;

}  // namespace

PatchMatcher::PatchMatcher(std::int64_t height, std::int64_t width,
                           const PackedReference& reference, double temperature,
                           const Parallel& parallel)
    : reference_(reference),
      kernel_(*reference.kernel),
      temperature_(temperature),
      parallel_(parallel),
      task_(make_task(height, width, reference, kernel_.lanes, temperature > 0.0)),
      size_(task_.query_height * task_.padded_width),
      starts_(chunk_diagonals(task_, reference.shape.images, kMaxChunks)),
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
  const std::int64_t row_bytes = kernel_.query_row_bytes(task_.channels, task_.padded_width);
  for (std::int64_t y = 0; y < query.height; ++y) {
    kernel_.pack_query_row(query, scale, y, task_.padded_width,
                           packed_query_.data() + y * row_bytes);
  }
  set_steepness(task_, reference_.shape.images * reference_.plane(), temperature_, inverse_norms,
                steepness_.data(), cutoff_.data());
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
  SimilarityTask task = task_;
  task.query = packed_query_.data();
  task.steepness = steepness_.data();
  task.cutoff = cutoff_.data();
  task.state = state;
  task.scratch = scratch.floats.data();
  task.planes = scratch.planes.data();
  const auto at = static_cast<std::size_t>(chunk);
  for (SweepPart& part : sweep_parts(task, reference_, starts_[at], starts_[at + 1])) {
    part.task.keys = reference_.keys.data() + part.image * reference_.image_bytes();
    kernel_.run(part.task);
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
