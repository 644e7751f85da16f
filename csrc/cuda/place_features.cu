// Place features: a thread for every pixel of the result, its border included.
//
// The basis is small enough to be an argument of the kernel, where all lanes read the same number
// of it at once, so there is no table to fill and no barrier. Bound by its 600 products a pixel.
#include <string>

#include "cuda/buffers.h"
#include "cuda/lines.h"
#include "petsgan/correct_places.h"
#include "petsgan/cuda/place_features.h"

namespace petsgan::cuda {
namespace {

constexpr const char* kOp = "place_features";
constexpr int kFeatures = static_cast<int>(kPlaceFeatures);
constexpr int kTaps = static_cast<int>(kFeatureTaps);
constexpr int kSide = static_cast<int>(kFeatureWindow);
constexpr int kBorder = static_cast<int>(kPlaceBorder);
constexpr std::int32_t kMaxBias = 1 << 29;

struct FeatureTask {
  std::int64_t height, width;
  const std::uint8_t* image;
  std::int8_t* out;
  int shift;
  std::int32_t bias[kFeatures];
  std::int32_t basis[kTaps][kFeatures];
};

__device__ inline std::int64_t within(std::int64_t at, std::int64_t size) {
  return min(max(at, std::int64_t{0}), size - 1);
}

__global__ void __launch_bounds__(kLineThreads) feature_kernel(FeatureTask task) {
  const std::int64_t padded = task.width + 2 * kBorder;
  const LinePixel at = line_pixel(padded);
  if (at.x >= padded) return;
  // The border repeats the features of the photo's last pixels.
  const std::int64_t y = within(at.line - kBorder, task.height);
  const std::int64_t x = within(at.x - kBorder, task.width);
  std::int32_t sums[kFeatures];
  for (int c = 0; c < kFeatures; ++c) sums[c] = task.bias[c];
  int tap = 0;
  for (int dy = 0; dy < kSide; ++dy) {
    const std::uint8_t* row = task.image + 3 * within(y + dy - kBorder, task.height) * task.width;
    for (int dx = 0; dx < kSide; ++dx) {
      const std::uint8_t* from = row + 3 * within(x + dx - kBorder, task.width);
      for (int channel = 0; channel < 3; ++channel, ++tap) {
        const std::int32_t value = from[channel];
#pragma unroll
        for (int c = 0; c < kFeatures; ++c) sums[c] += task.basis[tap][c] * value;
      }
    }
  }
  std::uint32_t words[2] = {0, 0};
  for (int c = 0; c < kFeatures; ++c) {
    const std::int32_t value = min(max(sums[c] >> task.shift, -127), 127);
    words[c / 4] |= (static_cast<std::uint32_t>(value) & 0xFFU) << (8 * (c % 4));
  }
  auto* to = reinterpret_cast<int2*>(task.out) + at.line * padded + at.x;
  *to = {static_cast<int>(words[0]), static_cast<int>(words[1])};
}

}  // namespace

void place_features(const FeatureShape& shape, const std::uint8_t* image, const std::int16_t* basis,
                    const std::int32_t* bias, int shift, std::int8_t* out, Stream stream) {
  check_positive(kOp, "image height", shape.height);
  check_positive(kOp, "image width", shape.width);
  checked_product(kOp, "the image", {shape.height, shape.width}, kMaxPixels);
  const std::int64_t rows = shape.height + 2 * kBorder, columns = shape.width + 2 * kBorder;
  checked_product(kOp, "the features' pixels", {rows, columns}, kMaxPixels);
  if (shift < 0 || shift > 24) {
    throw ConfigError("place_features: shift must be from 0 to 24, got " + std::to_string(shift));
  }
  check_pointer(kOp, "image", image, 1);
  check_pointer(kOp, "out", out, sizeof(int2));
  FeatureTask task{};
  task.height = shape.height;
  task.width = shape.width;
  task.image = image;
  task.out = out;
  task.shift = shift;
  for (int c = 0; c < kFeatures; ++c) {
    if (bias[c] > kMaxBias || bias[c] < -kMaxBias) {
      throw ConfigError("place_features: bias must be at most 2^29 from 0, got " +
                        std::to_string(bias[c]));
    }
    task.bias[c] = bias[c];
    for (int k = 0; k < kTaps; ++k) task.basis[k][c] = basis[c * kTaps + k];
  }
  launch("place_features", &feature_kernel, line_blocks(rows, columns), kLineThreads, 0, stream,
         task);
}

}  // namespace petsgan::cuda
