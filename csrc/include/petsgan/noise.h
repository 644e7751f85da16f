// Noise as a function of its coordinates.
#pragma once

#include <cstdint>

namespace petsgan {

// Where a block of noise lies: `batch` images from number `first_image`, `channels` channels of
// stage `stage`, and `height` x `width` pixels whose corner is at row `top`, column `left`.
struct NoiseBlock {
  std::int64_t batch = 0;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::uint32_t stage = 0;        // < 2^16
  std::uint32_t first_image = 0;  // first_image + batch <= 2^32
  std::int32_t top = 0;
  std::int32_t left = 0;
};

// Writes standard normal values to `out`, [batch, channels, height, width] float32. The value of a
// pixel depends on seed, stage, image, channel, row and column alone, so blocks may be cut in any
// way. Bit-identical to petsgan_sdk.noise.normal_noise on every IEEE-754 machine.
void normal_noise(const NoiseBlock& block, std::uint64_t seed, float* out);

}  // namespace petsgan
