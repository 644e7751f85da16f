#include "cuda/sizes.h"

#include <algorithm>
#include <string>

#include "petsgan/errors.h"

namespace petsgan::cuda {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 59;  // 8 bytes each stay below 2^62
constexpr const char* kOp = "patch_transfer";
// A batch that needs more is searched in several launches. Tests set it low, to have several.
#ifndef PETSGAN_CUDA_WORKSPACE_BYTES
#define PETSGAN_CUDA_WORKSPACE_BYTES (64 << 20)
#endif
constexpr std::int64_t kWorkspaceBytes = PETSGAN_CUDA_WORKSPACE_BYTES;
constexpr std::size_t kSummaryBytes = 16;

}  // namespace

void check_reference_sizes(const PatchTransferShape& shape) {
  check_positive(kOp, "channels", shape.channels);
  check_positive(kOp, "reference images", shape.images);
  check_positive(kOp, "reference height", shape.ref_height);
  check_positive(kOp, "reference width", shape.ref_width);
  check_positive(kOp, "value channels", shape.value_channels);
  if (shape.window < 1 || shape.window % 2 == 0) {
    throw ConfigError("patch_transfer: window must be an odd integer of at least 1, got " +
                      std::to_string(shape.window));
  }
  const std::int64_t pixels = checked_product(
      kOp, "the reference index", {shape.images, shape.ref_height, shape.ref_width}, kMaxPixels);
  checked_product(kOp, "reference features", {pixels, shape.channels}, kMaxElements);
  checked_product(kOp, "reference values", {pixels, shape.value_channels}, kMaxElements);
}

void check_query_sizes(const PatchTransferShape& shape) {
  check_reference_sizes(shape);
  check_positive(kOp, "query height", shape.height);
  check_positive(kOp, "query width", shape.width);
  if (shape.batch < 0) {
    throw ShapeError("patch_transfer: batch must be at least 0, got " +
                     std::to_string(shape.batch));
  }
  const std::int64_t pixels =
      checked_product(kOp, "a query image", {shape.height, shape.width}, kMaxPixels);
  checked_product(kOp, "query features", {shape.batch, pixels, shape.channels}, kMaxElements);
  const std::int64_t outputs = checked_product(
      kOp, "output values", {shape.batch, pixels, shape.value_channels}, kMaxElements);
  // The grid of the fold, which is the largest: 128 pixels a block and 4 channels a thread.
  checked_product(kOp, "output values of one launch", {outputs / 128}, kMaxBlocks - 1);
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
