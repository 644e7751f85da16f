// Drives patch transfer: cuts the diagonals into fixed chunks, merges them in fixed order, folds.
#include "petsgan/patch_transfer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "common/aligned_buffer.h"
#include "cpu/patch_fold.h"
#include "cpu/patch_pack.h"
#include "cpu/patch_reference.h"
#include "cpu/thread_pool.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kPairsPerChunk = std::int64_t{1} << 17;
constexpr std::int64_t kMaxChunks = 16;  // each holds 12 bytes per query
constexpr std::int64_t kFoldRows = 16;
constexpr int kMaxThreads = 256;  // more would only cost memory

void check(const PatchQuery& query, const PatchTransferOptions& options) {
  if (query.batch < 0 || query.height < 1 || query.width < 1) {
    throw ShapeError("patch_transfer: query must have height and width of at least 1, got " +
                     std::to_string(query.height) + " x " + std::to_string(query.width));
  }
  if (!std::isfinite(options.temperature) || options.temperature < 0.0) {
    throw ConfigError("patch_transfer: temperature must be finite and >= 0, got " +
                      std::to_string(options.temperature));
  }
  if (options.threads < 1) {
    throw ConfigError("patch_transfer: threads must be at least 1, got " +
                      std::to_string(options.threads));
  }
}

// First diagonals of chunks of about equal work, and one past the last. Depends on the sizes only,
// never on the thread count, which makes the result independent of it.
std::vector<std::int64_t> chunk_diagonals(const SimilarityTask& task) {
  const std::int64_t first = -(task.query_height - 1), end = task.key_height;
  const std::int64_t row_pairs = task.query_height * task.key_height;
  const std::int64_t pairs = row_pairs * task.padded_width * task.key_width;
  const std::int64_t chunks =
      std::clamp<std::int64_t>(pairs / kPairsPerChunk, 1, std::min(kMaxChunks, end - first));
  std::vector<std::int64_t> starts = {first};
  std::int64_t done = 0;
  for (std::int64_t delta = first; delta < end; ++delta) {
    if (done * chunks >= row_pairs * static_cast<std::int64_t>(starts.size()) &&
        delta > starts.back()) {
      starts.push_back(delta);
    }
    done += std::min(
        {task.query_height, task.key_height - delta, task.query_height + delta, task.key_height});
  }
  starts.push_back(end);
  return starts;
}

// All matching state of one image: the kernel's inputs per query, and one MatchState per chunk.
class ImageMatcher {
 public:
  ImageMatcher(const PatchQuery& query, const PackedReference& reference,
               const PatchTransferOptions& options, int threads)
      : kernel_(*reference.kernel), temperature_(options.temperature), threads_(threads) {
    const std::int64_t lanes = kernel_.lanes;
    task_.channels = reference.shape.channels;
    task_.query_height = query.height;
    task_.query_width = query.width;
    task_.padded_width = (query.width + lanes - 1) / lanes * lanes;
    task_.key_height = reference.shape.height;
    task_.key_width = reference.shape.width;
    // A larger shift pairs no pixel of one map with a pixel of the other.
    task_.radius = std::min(reference.radius, std::max(std::min(query.height, task_.key_height),
                                                       std::min(query.width, task_.key_width)) -
                                                  1);
    task_.keys = reference.keys.data();
    task_.key_scale = reference.key_scale.data();
    task_.soft = options.temperature > 0.0;
    size_ = task_.query_height * task_.padded_width;
    starts_ = chunk_diagonals(task_);
    packed_query_ = AlignedBuffer<float>(size_ * task_.channels);
    steepness_ = AlignedBuffer<float>(size_);
    cutoff_ = AlignedBuffer<float>(size_);
    states_ = AlignedBuffer<float>(2 * size_ * num_chunks());
    indices_ = AlignedBuffer<std::int32_t>(size_ * num_chunks());
    scratch_.resize(static_cast<std::size_t>(threads));
    planes_.resize(static_cast<std::size_t>(threads));
  }

  void match(const FeatureMap& map, std::int64_t image, std::int64_t window_radius,
             std::int32_t* index, float* weight) {
    prepare(map, image, window_radius);
    parallel_for(num_chunks(), threads_,
                 [this](std::int64_t chunk, int slot) { run_chunk(chunk, slot); });
    for (std::int64_t chunk = 1; chunk < num_chunks(); ++chunk) {
      kernel_.merge(state(0), state(chunk), steepness_.data(), size_);
    }
    const MatchState result = state(0);
    for (std::int64_t y = 0; y < map.height; ++y) {
      for (std::int64_t x = 0; x < map.width; ++x) {
        const std::int64_t at = y * task_.padded_width + x;
        *index++ = result.index[at];
        *weight++ = task_.soft ? 1.0F / result.sum[at] : 1.0F;
      }
    }
  }

 private:
  std::int64_t num_chunks() const { return static_cast<std::int64_t>(starts_.size()) - 1; }

  MatchState state(std::int64_t chunk) {
    float* best = states_.data() + 2 * size_ * chunk;
    return {best, best + size_, indices_.data() + size_ * chunk};
  }

  void prepare(const FeatureMap& map, std::int64_t image, std::int64_t window_radius) {
    const float scale = normalizing_scale(map, "patch_transfer: query", image);
    const std::vector<float> inverse_norms = inverse_patch_norms(map, window_radius, scale);
    const double keys = static_cast<double>(task_.key_height * task_.key_width);
    // All that is left out weighs less than e^-14 < 1e-6 of the best.
    const double nats = std::log(keys) + 14.0;
    for (std::int64_t y = 0; y < map.height; ++y) {
      pack_query_row(map, scale, y, kernel_.lanes, task_.padded_width,
                     packed_query_.data() + y * task_.padded_width * task_.channels);
      for (std::int64_t x = 0; x < map.width; ++x) {
        const double inverse =
            static_cast<double>(inverse_norms[static_cast<std::size_t>(y * map.width + x)]);
        const double per_score = task_.soft ? inverse / temperature_ : 0.0;
        const std::int64_t at = y * task_.padded_width + x;
        steepness_.data()[at] = static_cast<float>(std::min(per_score * 1.4426950408889634, 1e30));
        cutoff_.data()[at] =
            task_.soft ? static_cast<float>(std::min(nats / per_score, 1e30)) : 0.0F;
      }
    }
    for (std::int64_t chunk = 0; chunk < num_chunks(); ++chunk) reset(state(chunk));
  }

  // Padding lanes start with a score that nothing beats, so that no update touches them.
  void reset(const MatchState& state) const {
    std::fill_n(state.sum, size_, 0.0F);
    std::fill_n(state.index, size_, 0);
    for (std::int64_t y = 0; y < task_.query_height; ++y) {
      float* row = state.best + y * task_.padded_width;
      std::fill_n(row, task_.query_width, kNoScore);
      std::fill(row + task_.query_width, row + task_.padded_width, -kNoScore);
    }
  }

  void run_chunk(std::int64_t chunk, int slot) {
    AlignedBuffer<float>& scratch = scratch_[static_cast<std::size_t>(slot)];
    std::vector<const float*>& planes = planes_[static_cast<std::size_t>(slot)];
    if (scratch.data() == nullptr) {
      scratch = AlignedBuffer<float>(kernel_.scratch_size(task_));
      planes.resize(static_cast<std::size_t>(2 * task_.radius + 4));
    }
    SimilarityTask task = task_;
    task.query = packed_query_.data();
    task.steepness = steepness_.data();
    task.cutoff = cutoff_.data();
    task.first_diagonal = starts_[static_cast<std::size_t>(chunk)];
    task.last_diagonal = starts_[static_cast<std::size_t>(chunk) + 1];
    task.state = state(chunk);
    task.scratch = scratch.data();
    task.planes = planes.data();
    kernel_.run(task);
  }

  const SimilarityKernel& kernel_;
  const double temperature_;
  const int threads_;
  SimilarityTask task_{};
  std::int64_t size_ = 0;  // queries, padding included
  std::vector<std::int64_t> starts_;
  AlignedBuffer<float> packed_query_, steepness_, cutoff_, states_;
  AlignedBuffer<std::int32_t> indices_;
  std::vector<AlignedBuffer<float>> scratch_;
  std::vector<std::vector<const float*>> planes_;
};

void fold(const FoldTask& task, int threads) {
  const std::int64_t bands = (task.height + kFoldRows - 1) / kFoldRows;
  const std::int64_t band_size = kFoldRows * task.width * (task.channels + 1);
  std::vector<AlignedBuffer<float>> scratch(static_cast<std::size_t>(threads));
  parallel_for(bands, threads, [&](std::int64_t band, int slot) {
    AlignedBuffer<float>& sums = scratch[static_cast<std::size_t>(slot)];
    if (sums.data() == nullptr) sums = AlignedBuffer<float>(band_size);
    const std::int64_t first = band * kFoldRows;
    fold_rows(task, first, std::min(task.height, first + kFoldRows), sums.data());
  });
}

}  // namespace

void patch_transfer(const PatchQuery& query, const PatchReference& reference,
                    const PatchTransferOptions& options, const PatchTransferOutput& output) {
  check(query, options);
  if (query.batch == 0) return;
  const PackedReference& packed = reference.packed();
  const PatchReference::Shape& shape = packed.shape;
  const std::int64_t plane = query.height * query.width;
  const int threads = std::min(options.threads, kMaxThreads);
  ImageMatcher matcher(query, packed, options, threads);
  for (std::int64_t n = 0; n < query.batch; ++n) {
    const FeatureMap map{shape.channels, query.height, query.width,
                         query.features + n * shape.channels * plane};
    std::int32_t* index = output.index + n * plane;
    float* weight = output.weight + n * plane;
    matcher.match(map, n, packed.radius, index, weight);
    fold({query.height, query.width, shape.height, shape.width, shape.value_channels, packed.radius,
          options.normalize, packed.values.data(), index, weight,
          output.values + n * shape.value_channels * plane},
         threads);
  }
}

}  // namespace petsgan
