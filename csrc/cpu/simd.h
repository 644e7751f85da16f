// Which instruction set the CPU kernels use, chosen once per process.
#pragma once

namespace petsgan {

// In ascending order; each includes the lower ones.
enum class SimdLevel { kPortable, kAvx2, kAvx512, kAvx512Vnni, kAmx };

// The best level that both this build and this machine have. PETSGAN_SIMD=
// portable|avx2|avx512|avx512vnni|amx asks for a lower one; a level that is not here throws
// ConfigError.
SimdLevel simd_level();

const char* simd_name(SimdLevel level);

}  // namespace petsgan
