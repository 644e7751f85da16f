#include "cpu/feature_map.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr double kMinNorm = 1e-12;

[[noreturn]] void throw_not_finite(const FeatureMap& map, const std::string& name,
                                   std::int64_t image) {
  const std::int64_t plane = map.height * map.width;
  const float* end = map.features + map.channels * plane;
  const float* found = std::find_if(map.features, end, [](float x) { return !std::isfinite(x); });
  const std::int64_t at = found - map.features;
  const std::string index = std::to_string(image) + ", " + std::to_string(at / plane) + ", " +
                            std::to_string(at % plane / map.width) + ", " +
                            std::to_string(at % map.width);
  const std::string value = std::isnan(*found) ? "nan" : *found > 0 ? "inf" : "-inf";
  throw InputError(name + " must be finite, got " + value + " at index [" + index + "]");
}

// Sum over |d| <= radius of in[(i + d) * stride], zero outside, for i in [0, count).
void line_sum(const double* in, double* out, std::int64_t count, std::int64_t stride,
              std::int64_t radius) {
  for (std::int64_t i = 0; i < count; ++i) {
    double sum = 0.0;
    const std::int64_t last = std::min(count - 1, i + radius);
    for (std::int64_t k = std::max<std::int64_t>(0, i - radius); k <= last; ++k) {
      sum += in[k * stride];
    }
    out[i * stride] = sum;
  }
}

double norm_bound(float scale) { return std::max(kMinNorm * static_cast<double>(scale), 1e-30); }

}  // namespace

float normalizing_scale(const FeatureMap& map, const std::string& name, std::int64_t image) {
  const std::int64_t size = map.channels * map.height * map.width;
  // Magnitudes of IEEE floats order like their bits; NaN and infinity come out on top.
  std::int32_t largest = 0;
  for (std::int64_t i = 0; i < size; ++i) {
    std::int32_t bits;
    std::memcpy(&bits, map.features + i, sizeof bits);
    largest = std::max(largest, bits & 0x7FFFFFFF);
  }
  float magnitude;
  std::memcpy(&magnitude, &largest, sizeof magnitude);
  if (!std::isfinite(magnitude)) throw_not_finite(map, name, image);
  if (magnitude == 0.0F) return 1.0F;
  // 2^126 is the largest scale, for denormal features.
  return std::ldexp(1.0F, std::min(126, -std::ilogb(magnitude)));
}

std::vector<float> inverse_patch_norms(const FeatureMap& map, std::int64_t radius, float scale) {
  const std::int64_t plane = map.height * map.width;
  std::vector<double> energy(static_cast<std::size_t>(plane));
  for (std::int64_t c = 0; c < map.channels; ++c) {
    const float* features = map.features + c * plane;
    double* sum = energy.data();
    for (std::int64_t i = 0; i < plane; ++i) {
      const double x = static_cast<double>(features[i]) * static_cast<double>(scale);
      sum[i] += x * x;
    }
  }
  box_sum(energy, map.height, map.width, radius);
  const double bound = norm_bound(scale);
  std::vector<float> result(energy.size());
  std::transform(energy.begin(), energy.end(), result.begin(), [bound](double sum) {
    return static_cast<float>(1.0 / std::max(std::sqrt(sum), bound));
  });
  return result;
}

float inverse_of_no_norm(float scale) { return static_cast<float>(1.0 / norm_bound(scale)); }

void box_sum(std::vector<double>& map, std::int64_t height, std::int64_t width,
             std::int64_t radius) {
  std::vector<double> rows(map.size());
  for (std::int64_t y = 0; y < height; ++y) {
    line_sum(map.data() + y * width, rows.data() + y * width, width, 1, radius);
  }
  for (std::int64_t x = 0; x < width; ++x) {
    line_sum(rows.data() + x, map.data() + x, height, width, radius);
  }
}

}  // namespace petsgan
