#include "petsgan/noise.h"

#include <algorithm>
#include <string>

#include "cpu/noise_row/kernel.h"
#include "cpu/simd.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

void check_block(const NoiseBlock& block) {
  if (block.batch < 0 || block.channels < 0 || block.height < 0 || block.width < 0) {
    throw ShapeError("normal_noise: shape must have no negative size");
  }
  if (block.stage >= (1U << 16)) {
    throw ConfigError("normal_noise: stage must be in [0, 65536), got " +
                      std::to_string(block.stage));
  }
  if (block.channels > (std::int64_t{1} << 18)) {
    throw ShapeError("normal_noise: channels must be at most 262144, got " +
                     std::to_string(block.channels));
  }
}

using RowKernel = void (*)(const NoiseRow&);

RowKernel row_kernel() {
  switch (simd_level()) {
#ifdef PETSGAN_X86_KERNELS
    case SimdLevel::kAmx:
    case SimdLevel::kAvx512:
      return noise_row_avx512;
    case SimdLevel::kAvx2:
      return noise_row_avx2;
#endif
    default:
      return noise_row_portable;
  }
}

}  // namespace

void normal_noise(const NoiseBlock& block, std::uint64_t seed, float* out) {
  check_block(block);
  const RowKernel write_row = row_kernel();
  const auto key0 = static_cast<std::uint32_t>(seed);
  const auto key1 = static_cast<std::uint32_t>(seed >> 32);
  const std::int64_t plane = block.height * block.width;
  for (std::int64_t n = 0; n < block.batch; ++n) {
    const std::uint32_t image = block.first_image + static_cast<std::uint32_t>(n);
    for (std::int64_t channel = 0; channel < block.channels; channel += 4) {
      const std::uint32_t group = (block.stage << 16) | static_cast<std::uint32_t>(channel / 4);
      const std::int64_t used = std::min<std::int64_t>(4, block.channels - channel);
      float* corner = out + (n * block.channels + channel) * plane;
      for (std::int64_t row = 0; row < block.height; ++row) {
        // Coordinates wrap modulo 2^32, so that tiles left of or above the origin are defined too.
        const auto y = static_cast<std::uint32_t>(block.top + row);
        const auto x = static_cast<std::uint32_t>(block.left);
        float* pixels = corner + row * block.width;
        write_row({x, y, image, group, key0, key1, block.width, used, plane, pixels});
      }
    }
  }
}

}  // namespace petsgan
