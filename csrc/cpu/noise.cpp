#include "petsgan/noise.h"

#include <algorithm>
#include <array>

#include "common/box_muller.h"
#include "common/philox.h"
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

std::array<float, 4> four_normals(const PhiloxCounter& counter, const PhiloxKey& key) {
  const PhiloxCounter words = philox4x32(counter, key);
  const auto [a, b] = box_muller(words[0], words[1]);
  const auto [c, d] = box_muller(words[2], words[3]);
  return {a, b, c, d};
}

}  // namespace

void normal_noise(const NoiseBlock& block, std::uint64_t seed, float* out) {
  check_block(block);
  const PhiloxKey key = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  const std::int64_t plane = block.height * block.width;
  for (std::int64_t n = 0; n < block.batch; ++n) {
    const std::uint32_t image = block.first_image + static_cast<std::uint32_t>(n);
    for (std::int64_t channel = 0; channel < block.channels; channel += 4) {
      const std::uint32_t group = (block.stage << 16) | static_cast<std::uint32_t>(channel / 4);
      const std::int64_t used = std::min<std::int64_t>(4, block.channels - channel);
      float* corner = out + (n * block.channels + channel) * plane;
      for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
        // Coordinates wrap modulo 2^32, so that tiles left of or above the origin are defined too.
        const auto y = static_cast<std::uint32_t>(block.top + pixel / block.width);
        const auto x = static_cast<std::uint32_t>(block.left + pixel % block.width);
        const std::array<float, 4> normals = four_normals({x, y, image, group}, key);
        for (std::int64_t k = 0; k < used; ++k) {
          corner[k * plane + pixel] = normals[static_cast<std::size_t>(k)];
        }
      }
    }
  }
}

}  // namespace petsgan
