// Which instruction set the CPU kernels use, chosen once per process.
#pragma once

namespace petsgan {

// In ascending order; of one architecture's, each includes the lower ones. x86-64 has portable,
// avx2, avx512 and amx; aarch64 portable and neon; every other one portable alone.
enum class SimdLevel { kPortable, kNeon, kAvx2, kAvx512, kAmx };

// The best level that both this build and this machine have. PETSGAN_SIMD=<name> asks for a lower
// one; a level that is not here throws ConfigError.
SimdLevel simd_level();

const char* simd_name(SimdLevel level);

}  // namespace petsgan
