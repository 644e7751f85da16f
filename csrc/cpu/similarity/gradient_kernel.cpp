#include "cpu/similarity/gradient_kernel.h"

#include "cpu/simd.h"

namespace petsgan {

const GradientKernel& gradient_kernel() {
#ifdef PETSGAN_X86_KERNELS
  if (simd_level() >= SimdLevel::kAvx512) return kGradientAvx512;
  if (simd_level() == SimdLevel::kAvx2) return kGradientAvx2;
#endif
  return kGradientPortable;
}

}  // namespace petsgan
