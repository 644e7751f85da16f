// Features of an image by which coordinate synthesis tells places apart.
#pragma once

#include <cstdint>

namespace petsgan {

constexpr std::int64_t kFeatureWindow = 5;  // side of the window that a feature sees
constexpr std::int64_t kFeatureTaps = kFeatureWindow * kFeatureWindow * 3;

struct FeatureShape {
  std::int64_t height, width;  // from 1
};

// out[y + 2, x + 2, c] = clip((bias[c] + sum of basis[c, dy, dx, channel] * image) >> shift), with
// the image's border repeated, and around that the border of the result: [height + 4, width + 4,
// 8]. image is [height, width, 3], basis [8, 5, 5, 3], clip is to -127..127.
void place_features(const FeatureShape& shape, const std::uint8_t* image, const std::int16_t* basis,
                    const std::int32_t* bias, int shift, int threads, std::int8_t* out);

}  // namespace petsgan
