#include "cuda/sizes.h"

#include <algorithm>
#include <limits>
#include <string>

#include "petsgan/errors.h"

namespace petsgan::cuda {
namespace {

constexpr std::int64_t kMaxPixels = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxElements = std::int64_t{1} << 59;  // 8 bytes each stay below 2^62
constexpr std::int64_t kMaxBlocks = std::numeric_limits<std::int32_t>::max();
// A batch that needs more is searched in several launches. Tests set it low, to have several.
#ifndef PETSGAN_CUDA_WORKSPACE_BYTES
#define PETSGAN_CUDA_WORKSPACE_BYTES (64 << 20)
#endif
constexpr std::int64_t kWorkspaceBytes = PETSGAN_CUDA_WORKSPACE_BYTES;
constexpr std::size_t kSummaryBytes = 16;

void check_positive(const char* name, std::int64_t size) {
  if (size < 1) {
    throw ShapeError(std::string("patch_transfer: ") + name + " must be at least 1, got " +
                     std::to_string(size));
  }
}

// The product of sizes of at least 0; throws when it would exceed `limit`.
std::int64_t checked_product(const char* name, std::initializer_list<std::int64_t> sizes,
                             std::int64_t limit) {
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return 0;
  std::int64_t product = 1;
  std::string text;
  bool fits = true;
  for (const std::int64_t size : sizes) {
    text += (text.empty() ? "" : " x ") + std::to_string(size);
    fits = fits && size <= limit / product;
    if (fits) product *= size;
  }
  if (!fits) {
    throw ShapeError(std::string("patch_transfer: ") + name + " must have at most " +
                     std::to_string(limit) + " elements, got " + text);
  }
  return product;
}

// Hands out parts of a buffer.
class Cutter {
 public:
  std::size_t take(std::int64_t count, std::size_t bytes) {
    const std::size_t start = end_;
    const std::size_t size = static_cast<std::size_t>(count) * bytes;
    end_ += (size + kAlignment - 1) / kAlignment * kAlignment;
    return start;
  }

  std::size_t end() const { return end_; }

 private:
  std::size_t end_ = 0;
};

}  // namespace

void check_reference_sizes(const PatchTransferShape& shape) {
  check_positive("channels", shape.channels);
  check_positive("reference images", shape.images);
  check_positive("reference height", shape.ref_height);
  check_positive("reference width", shape.ref_width);
  check_positive("value channels", shape.value_channels);
  if (shape.window < 1 || shape.window % 2 == 0) {
    throw ConfigError("patch_transfer: window must be an odd integer of at least 1, got " +
                      std::to_string(shape.window));
  }
  const std::int64_t pixels = checked_product(
      "the reference index", {shape.images, shape.ref_height, shape.ref_width}, kMaxPixels);
  checked_product("reference features", {pixels, shape.channels}, kMaxElements);
  checked_product("reference values", {pixels, shape.value_channels}, kMaxElements);
}

void check_query_sizes(const PatchTransferShape& shape) {
  check_reference_sizes(shape);
  check_positive("query height", shape.height);
  check_positive("query width", shape.width);
  if (shape.batch < 0) {
    throw ShapeError("patch_transfer: batch must be at least 0, got " +
                     std::to_string(shape.batch));
  }
  const std::int64_t pixels =
      checked_product("a query image", {shape.height, shape.width}, kMaxPixels);
  checked_product("query features", {shape.batch, pixels, shape.channels}, kMaxElements);
  const std::int64_t outputs =
      checked_product("output values", {shape.batch, pixels, shape.value_channels}, kMaxElements);
  // The grid of the fold, which is the largest: 128 pixels a block and 4 channels a thread.
  checked_product("output values of one launch", {outputs / 128}, kMaxBlocks - 1);
}

PackedLayout::PackedLayout(const PatchTransferShape& shape) {
  const std::int64_t pixels = shape.images * shape.ref_height * shape.ref_width;
  Cutter cutter;
  feature_summary = cutter.take(1, kSummaryBytes);
  value_summary = cutter.take(1, kSummaryBytes);
  scale = cutter.take(1, sizeof(float));
  inverse = cutter.take(pixels, sizeof(float));
  energy = cutter.take(pixels, sizeof(double));
  size = cutter.end();
}

WorkspaceLayout::WorkspaceLayout(const PatchTransferShape& shape, const SimilarityPlan& plan) {
  const std::int64_t pixels = shape.height * shape.width;
  // pixels < 2^31 and splits <= 1024 + 1, so these products fit.
  const std::int64_t per_image = pixels * (12 + 12 * plan.splits);
  const std::int64_t most =
      std::min(kWorkspaceBytes / per_image, kMaxBlocks / blocks_per_image(plan));
  images = std::clamp<std::int64_t>(most, 1, std::max<std::int64_t>(shape.batch, 1));
  const std::int64_t states = images * plan.splits * pixels;
  Cutter cutter;
  summaries = cutter.take(images, kSummaryBytes);
  scales = cutter.take(images, sizeof(float));
  inverse = cutter.take(images * pixels, sizeof(float));
  energy = cutter.take(images * pixels, sizeof(double));
  best = cutter.take(states, sizeof(float));
  sum = cutter.take(states, sizeof(float));
  index = cutter.take(states, sizeof(std::int32_t));
  size = cutter.end();
}

}  // namespace petsgan::cuda
