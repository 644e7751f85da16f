#include "cpu/simd.h"

#include <cstdlib>
#include <string>
#ifdef PETSGAN_AMX_KERNELS
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "petsgan/errors.h"

namespace petsgan {
namespace {

#ifdef PETSGAN_AMX_KERNELS
// The matrix unit's registers are large, so Linux hands them out on request only, for the process.
bool request_amx() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kBfloat16 = 1U << 22, kTile = 1U << 24;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kBfloat16) == 0 || (edx & kTile) == 0) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

#if defined(PETSGAN_X86_KERNELS)
constexpr SimdLevel kLevels[] = {SimdLevel::kPortable, SimdLevel::kAvx2, SimdLevel::kAvx512,
                                 SimdLevel::kAmx};
#elif defined(PETSGAN_NEON_KERNELS)
constexpr SimdLevel kLevels[] = {SimdLevel::kPortable, SimdLevel::kNeon};
#else
constexpr SimdLevel kLevels[] = {SimdLevel::kPortable};
#endif

SimdLevel best_level() {
#ifdef PETSGAN_NEON_KERNELS
  return SimdLevel::kNeon;  // part of every aarch64 processor
#endif
#ifdef PETSGAN_X86_KERNELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
#ifdef PETSGAN_AMX_KERNELS
    if (request_amx()) return SimdLevel::kAmx;
#endif
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
  for (const SimdLevel level : kLevels) {
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
    case SimdLevel::kAmx:
      return "amx";
    case SimdLevel::kAvx512:
      return "avx512";
    case SimdLevel::kAvx2:
      return "avx2";
    case SimdLevel::kNeon:
      return "neon";
    default:
      return "portable";
  }
}

}  // namespace petsgan
