#include "cpu/patch_gradient.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "cpu/sweep_plan.h"

namespace petsgan {
namespace {

constexpr std::int64_t kMaxChunks = 16;
constexpr std::int64_t kMaxSumFloats = std::int64_t{1} << 24;  // 64 MB if all chunks wait at once

std::int64_t max_chunks(const SimilarityTask& task) {
  const std::int64_t sums = task.query_height * task.padded_width * (task.channels + 1);
  return std::clamp<std::int64_t>(kMaxSumFloats / sums, 1, kMaxChunks);
}

// [height][width][channels], times `scale`.
void append_pixels(const FeatureMap& map, float scale, std::vector<float>& out) {
  const std::int64_t plane = map.height * map.width;
  for (std::int64_t i = 0; i < plane; ++i) {
    for (std::int64_t c = 0; c < map.channels; ++c)
      out.push_back(map.features[c * plane + i] * scale);
  }
}

// Several sums at once, each short: faster and more precise than one.
double dot(const float* a, const float* b, std::int64_t count) {
  constexpr std::int64_t kSums = 16;
  float sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (std::int64_t j = 0; j < kSums; ++j) sums[j] += a[i + j] * b[i + j];
  }
  for (std::int64_t j = 0; i < count; ++i, ++j) sums[j] += a[i] * b[i];
  double total = 0.0;
  for (const float sum : sums) total += static_cast<double>(sum);
  return total;
}

}  // namespace

PatchGradient::PatchGradient(std::int64_t height, std::int64_t width,
                             const PackedReference& reference, const float* features,
                             double temperature, const Parallel& parallel)
    : reference_(reference),
      kernel_(gradient_kernel()),
      temperature_(temperature),
      parallel_(parallel),
      task_(make_task(height, width, reference, kernel_.lanes, true)),
      size_(task_.query_height * task_.padded_width),
      starts_(chunk_diagonals(task_, reference.shape.images, max_chunks(task_))),
      key_bytes_(task_.key_height * kernel_.key_row_bytes(task_.channels, task_.key_width)),
      packed_query_(height * kernel_.query_row_bytes(task_.channels, task_.padded_width)),
      packed_keys_(reference.shape.images * key_bytes_),
      packed_channels_(reference.shape.images * key_bytes_),
      steepness_(size_),
      cutoff_(size_),
      best_(size_),
      at_best_(size_),
      spread_(size_),
      index_(size_),
      sums_(sums_size()),
      scratch_([this] {
        return std::make_unique<Scratch>(Scratch{
            AlignedBuffer<float>(kernel_.scratch_size(task_)),
            std::vector<const float*>(static_cast<std::size_t>(kernel_.num_planes(task_)))});
      }),
      chunk_sums_([this] { return std::make_unique<Sums>(sums_size()); }) {
  std::fill_n(best_.data(), size_, -kNoScore);  // in the padding no score is near the best
  pack_reference(features);
}

void PatchGradient::pack_reference(const float* features) {
  const PatchReference::Shape& shape = reference_.shape;
  const std::int64_t row_bytes = kernel_.key_row_bytes(shape.channels, shape.width);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const FeatureMap map{shape.channels, shape.height, shape.width,
                         features + image * shape.channels * reference_.plane()};
    // The scale that the inverse norms of the reference hold for.
    const float scale = normalizing_scale(map, "patch_transfer_gradient: features", image);
    append_pixels(map, scale, key_pixels_);
    for (std::int64_t row = 0; row < shape.height; ++row) {
      const std::int64_t at = image * key_bytes_ + row * row_bytes;
      kernel_.pack_key_row(map, scale, row, packed_keys_.data() + at);
      kernel_.pack_channel_row(map, scale, row, packed_channels_.data() + at);
    }
  }
}

void PatchGradient::pack_query(const FeatureMap& query, std::int64_t image) {
  scale_ = normalizing_scale(query, "patch_transfer_gradient: query", image);
  inverse_norms_ = inverse_patch_norms(query, reference_.radius, scale_);
  const std::int64_t row_bytes = kernel_.query_row_bytes(task_.channels, task_.padded_width);
  for (std::int64_t y = 0; y < query.height; ++y) {
    kernel_.pack_query_row(query, scale_, y, task_.padded_width,
                           packed_query_.data() + y * row_bytes);
  }
  query_pixels_.clear();
  append_pixels(query, scale_, query_pixels_);
  set_steepness(task_, reference_.shape.images * reference_.plane(), temperature_, inverse_norms_,
                steepness_.data(), cutoff_.data());
}

void PatchGradient::run(const FeatureMap& query, std::int64_t image, const std::int32_t* index,
                        const float* weight, const float* to_weight, float* result) {
  pack_query(query, image);
  parallel_(query.height, [&](std::int64_t y) { prepare_row(y, index, weight, to_weight); });
  std::fill_n(sums_.data(), sums_size(), 0.0F);
  next_to_merge_ = 0;
  parallel_(num_chunks(), [this](std::int64_t chunk) {
    std::unique_ptr<Sums> sums = chunk_sums_.take();
    std::unique_ptr<Scratch> scratch = scratch_.take();
    run_chunk(chunk, *scratch, sums->data());
    scratch_.give_back(std::move(scratch));
    merge_in_order(chunk, std::move(sums));
  });
  finish(query, result);
}

void PatchGradient::prepare_row(std::int64_t y, const std::int32_t* index, const float* weight,
                                const float* to_weight) {
  const float no_norm = inverse_of_no_norm(scale_);
  for (std::int64_t x = 0; x < task_.query_width; ++x) {
    const std::int64_t from = y * task_.query_width + x, to = y * task_.padded_width + x;
    const float inverse = inverse_norms_[static_cast<std::size_t>(from)];
    const double slope = inverse >= no_norm ? 0.0
                                            : static_cast<double>(to_weight[from]) *
                                                  static_cast<double>(weight[from]) *
                                                  static_cast<double>(inverse) / temperature_;
    index_.data()[to] = index[from];
    best_.data()[to] = best_score(y, x, index[from]);
    at_best_.data()[to] = static_cast<float>(slope * (1.0 - static_cast<double>(weight[from])));
    spread_.data()[to] = static_cast<float>(slope * static_cast<double>(weight[from]));
  }
}

// The product of a query patch and its best match, over the norm of the latter.
float PatchGradient::best_score(std::int64_t y, std::int64_t x, std::int64_t match) const {
  const std::int64_t radius = task_.radius, channels = task_.channels;
  const std::int64_t match_x = match % task_.key_width;
  const std::int64_t match_y = match / task_.key_width % task_.key_height;
  const std::int64_t top = std::max({-radius, -y, -match_y});
  const std::int64_t bottom =
      std::min({radius, task_.query_height - 1 - y, task_.key_height - 1 - match_y});
  const std::int64_t left = std::max({-radius, -x, -match_x});
  const std::int64_t right =
      std::min({radius, task_.query_width - 1 - x, task_.key_width - 1 - match_x});
  double sum = 0.0;
  for (std::int64_t dy = top; dy <= bottom; ++dy) {
    sum += dot(query_pixels_.data() + ((y + dy) * task_.query_width + x + left) * channels,
               key_pixels_.data() + (match + dy * task_.key_width + left) * channels,
               (right - left + 1) * channels);
  }
  return static_cast<float>(
      sum * static_cast<double>(reference_.key_scale[static_cast<std::size_t>(match)]));
}

void PatchGradient::run_chunk(std::int64_t chunk, Scratch& scratch, float* sums) {
  std::fill_n(sums, sums_size(), 0.0F);
  SimilarityTask match = task_;
  match.query = packed_query_.data();
  match.steepness = steepness_.data();
  match.cutoff = cutoff_.data();
  match.scratch = scratch.floats.data();
  match.planes = scratch.planes.data();
  const auto at = static_cast<std::size_t>(chunk);
  for (SweepPart& part : sweep_parts(match, reference_, starts_[at], starts_[at + 1])) {
    part.task.keys = packed_keys_.data() + part.image * key_bytes_;
    kernel_.run({part.task, best_.data(), at_best_.data(), spread_.data(), index_.data(),
                 packed_channels_.data() + part.image * key_bytes_, sums + size_ * task_.channels,
                 sums});
  }
}

// Sums of floats depend on their order, so chunks are merged in theirs, not as they happen to end.
void PatchGradient::merge_in_order(std::int64_t chunk, std::unique_ptr<Sums> sums) {
  const std::lock_guard lock(merge_mutex_);
  waiting_[chunk] = std::move(sums);
  for (auto next = waiting_.begin(); next != waiting_.end() && next->first == next_to_merge_;
       next = waiting_.erase(next), ++next_to_merge_) {
    const float* from = next->second->data();
    std::transform(from, from + sums_size(), sums_.data(), sums_.data(), std::plus<float>());
    chunk_sums_.give_back(std::move(next->second));
  }
}

// A longer query patch lowers all its cosines. The sum of gradient x cosine over the keys is, with
// e as in gradient_kernel.h, the spread times the excess, since the gradients add up to 0.
std::vector<double> PatchGradient::lengthening() const {
  std::vector<double> result(inverse_norms_.size());
  for (std::int64_t y = 0; y < task_.query_height; ++y) {
    for (std::int64_t x = 0; x < task_.query_width; ++x) {
      const std::int64_t at = y * task_.padded_width + x;
      const auto to = static_cast<std::size_t>(y * task_.query_width + x);
      const auto inverse = static_cast<double>(inverse_norms_[to]);
      result[to] = static_cast<double>(spread_.data()[at]) * static_cast<double>(excess()[at]) *
                   inverse * inverse;
    }
  }
  return result;
}

void PatchGradient::finish(const FeatureMap& query, float* result) const {
  std::vector<double> longer = lengthening();
  box_sum(longer, query.height, query.width, reference_.radius);
  const auto scale = static_cast<double>(scale_);
  for (std::int64_t c = 0; c < query.channels; ++c) {
    for (std::int64_t y = 0; y < query.height; ++y) {
      const float* sum = sums_.data() + (y * query.channels + c) * task_.padded_width;
      for (std::int64_t x = 0; x < query.width; ++x) {
        const std::int64_t at = (c * query.height + y) * query.width + x;
        const double feature = static_cast<double>(query.features[at]) * scale;
        result[at] = static_cast<float>(
            scale * (static_cast<double>(sum[x]) -
                     feature * longer[static_cast<std::size_t>(y * query.width + x)]));
      }
    }
  }
}

}  // namespace petsgan
