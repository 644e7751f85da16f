#include "cpu/similarity/kernel.h"

#include "cpu/simd.h"

namespace petsgan {

const SimilarityKernel& similarity_kernel() {
#ifdef PETSGAN_X86_KERNELS
  if (simd_level() == SimdLevel::kAvx512) return kSimilarityAvx512;
  if (simd_level() == SimdLevel::kAvx2) return kSimilarityAvx2;
#endif
  return kSimilarityPortable;
}

}  // namespace petsgan
