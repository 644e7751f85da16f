#include "petsgan/place_features.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/thread_pool.h"
#include "petsgan/correct_places.h"

namespace petsgan {
namespace {

constexpr std::int64_t kRadius = kFeatureWindow / 2;
constexpr std::int64_t kTaskRows = 16;
static_assert(kRadius == kPlaceBorder, "the result's border is as wide as the window reaches");

}  // namespace

void place_features(const FeatureShape& shape, const std::uint8_t* image, const std::int16_t* basis,
                    const std::int32_t* bias, int shift, int threads, std::int8_t* out) {
  const std::int64_t height = shape.height;
  const std::int64_t width = shape.width;
  const std::int64_t padded = width + 2 * kRadius;
  // By tap, the numbers of a feature beside each other: what a loop over them reads.
  std::vector<std::int32_t> weights(kFeatureTaps * kPlaceFeatures);
  for (std::int64_t c = 0; c < kPlaceFeatures; ++c) {
    for (std::int64_t k = 0; k < kFeatureTaps; ++k) {
      weights[static_cast<std::size_t>(k * kPlaceFeatures + c)] = basis[c * kFeatureTaps + k];
    }
  }
  const auto row_of = [&](std::int64_t y) { return out + (y + kRadius) * padded * kPlaceFeatures; };
  parallel_for((height + kTaskRows - 1) / kTaskRows, threads, [&](std::int64_t task, int) {
    std::vector<std::int32_t> rows(static_cast<std::size_t>(kFeatureWindow * padded * 3));
    const std::int64_t first = task * kTaskRows;
    for (std::int64_t y = first; y < std::min(height, first + kTaskRows); ++y) {
      for (std::int64_t dy = 0; dy < kFeatureWindow; ++dy) {
        const std::int64_t from_y = std::clamp<std::int64_t>(y + dy - kRadius, 0, height - 1);
        std::int32_t* to = rows.data() + dy * padded * 3;
        for (std::int64_t x = -kRadius; x < width + kRadius; ++x) {
          const std::uint8_t* from =
              image + 3 * (from_y * width + std::clamp<std::int64_t>(x, 0, width - 1));
          for (std::int64_t channel = 0; channel < 3; ++channel) *to++ = from[channel];
        }
      }
      std::int8_t* to = row_of(y);
      for (std::int64_t x = 0; x < width; ++x) {
        std::int32_t sums[kPlaceFeatures];
        std::memcpy(sums, bias, sizeof sums);
        const std::int32_t* weight = weights.data();
        for (std::int64_t dy = 0; dy < kFeatureWindow; ++dy) {
          const std::int32_t* from = rows.data() + (dy * padded + x) * 3;
          for (std::int64_t k = 0; k < kFeatureWindow * 3; ++k, weight += kPlaceFeatures) {
            for (std::int64_t c = 0; c < kPlaceFeatures; ++c) sums[c] += weight[c] * from[k];
          }
        }
        std::int8_t* feature = to + (x + kRadius) * kPlaceFeatures;
        for (std::int64_t c = 0; c < kPlaceFeatures; ++c) {
          feature[c] = static_cast<std::int8_t>(std::clamp(sums[c] >> shift, -127, 127));
        }
      }
      for (std::int64_t k = 0; k < kRadius; ++k) {
        std::copy_n(to + kRadius * kPlaceFeatures, kPlaceFeatures, to + k * kPlaceFeatures);
        std::copy_n(to + (width + kRadius - 1) * kPlaceFeatures, kPlaceFeatures,
                    to + (width + kRadius + k) * kPlaceFeatures);
      }
    }
  });
  for (std::int64_t k = 1; k <= kRadius; ++k) {
    std::copy_n(row_of(0), padded * kPlaceFeatures, row_of(-k));
    std::copy_n(row_of(height - 1), padded * kPlaceFeatures, row_of(height - 1 + k));
  }
}

}  // namespace petsgan
