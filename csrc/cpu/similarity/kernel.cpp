#include "cpu/similarity/kernel.h"

#include "cpu/simd.h"

namespace petsgan {

const SimilarityKernel& similarity_kernel([[maybe_unused]] std::int64_t channels) {
  const SimdLevel level = simd_level();
#ifdef PETSGAN_AMX_KERNELS
  // The matrix unit takes 32 channels at once; so few are faster without it.
  constexpr std::int64_t kMinChannels = 12;
  if (level == SimdLevel::kAmx && channels >= kMinChannels) return kSimilarityAmx;
#endif
#ifdef PETSGAN_X86_KERNELS
  if (level >= SimdLevel::kAvx512) return kSimilarityAvx512;
  if (level == SimdLevel::kAvx2) return kSimilarityAvx2;
#endif
#ifdef PETSGAN_NEON_KERNELS
  if (level == SimdLevel::kNeon) return kSimilarityNeon;
#endif
  (void)level;
  return kSimilarityPortable;
}

}  // namespace petsgan
