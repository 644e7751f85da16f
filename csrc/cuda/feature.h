// float32, float16 and bfloat16 features seen as float32.
#pragma once

#include <string>
#include <type_traits>

#include "cuda/device.h"
#include "petsgan/errors.h"

namespace petsgan::cuda {

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__half x) { return __half2float(x); }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename Feature>
__device__ inline Feature from_float(float x) {
  if constexpr (std::is_same_v<Feature, __half>) {
    return __float2half_rn(x);
  } else if constexpr (std::is_same_v<Feature, __nv_bfloat16>) {
    return __float2bfloat16_rn(x);
  } else {
    return x;
  }
}

// Calls run(Feature{}) with the type that `type` names.
template <typename Run>
void with_feature_type(FeatureType type, const Run& run) {
  switch (type) {
    case FeatureType::kFloat32:
      return run(float{});
    case FeatureType::kFloat16:
      return run(__half{});
    case FeatureType::kBFloat16:
      return run(__nv_bfloat16{});
  }
  throw ConfigError("patch_transfer: feature type must be 0, 1 or 2, got " +
                    std::to_string(static_cast<int>(type)));
}

}  // namespace petsgan::cuda
