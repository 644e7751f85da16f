// Feature maps: their scale, and the norms of their patches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace petsgan {

// A map [channels, height, width] of float32.
struct FeatureMap {
  std::int64_t channels, height, width;
  const float* features;
};

// The power of two that brings the largest magnitude of the map into [1, 2) (1 for a map of zeros).
// Cosines do not change, and no product of features can overflow. Throws InputError that starts
// with `name` and gives the first index where a feature is not finite, `image` leading.
float normalizing_scale(const FeatureMap& map, const std::string& name, std::int64_t image);

// For every pixel 1 / max(norm of its patch, 1e-12), for features multiplied by `scale`; the bound
// is in units of the features as they came.
std::vector<float> inverse_patch_norms(const FeatureMap& map, std::int64_t radius, float scale);

// What inverse_patch_norms() gives for a patch of zeros.
float inverse_of_no_norm(float scale);

// Replaces every number of `map` [height][width] by the sum over its window, zero outside.
void box_sum(std::vector<double>& map, std::int64_t height, std::int64_t width,
             std::int64_t radius);

}  // namespace petsgan
