#include "cpu/simd.h"

#include <cstdlib>
#include <string>

#include "petsgan/errors.h"

namespace petsgan {
namespace {

SimdLevel best_level() {
#ifdef PETSGAN_X86_KERNELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return SimdLevel::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return SimdLevel::kAvx2;
#endif
  return SimdLevel::kPortable;
}

SimdLevel chosen_level() {
  const SimdLevel best = best_level();
  const char* wanted = std::getenv("PETSGAN_SIMD");
  if (wanted == nullptr || *wanted == '\0') return best;
  std::string known;
  for (const SimdLevel level : {SimdLevel::kPortable, SimdLevel::kAvx2, SimdLevel::kAvx512}) {
    if (level > best) break;
    if (wanted == std::string(simd_name(level))) return level;
    known += (known.empty() ? "" : ", ") + std::string(simd_name(level));
  }
  throw ConfigError("PETSGAN_SIMD must be one of " + known + " on this machine, got '" + wanted +
                    "'");
}

}  // namespace

SimdLevel simd_level() {
  static const SimdLevel level = chosen_level();
  return level;
}

const char* simd_name(SimdLevel level) {
  switch (level) {
    case SimdLevel::kAvx512:
      return "avx512";
    case SimdLevel::kAvx2:
      return "avx2";
    default:
      return "portable";
  }
}

}  // namespace petsgan
