#include "cpu/similarity/kernel.h"

#include "cpu/simd.h"

namespace petsgan {

namespace {

// The matrix unit takes 32 channels at once; fewer than this are faster without it.
[[maybe_unused]] constexpr std::int64_t kMinMatrixChannels = 12;

}  // namespace

const SimilarityKernel& similarity_kernel([[maybe_unused]] std::int64_t channels) {
  [[maybe_unused]] const SimdLevel level = simd_level();
#ifdef PETSGAN_AMX_KERNELS
  if (level == SimdLevel::kAmx && channels >= kMinMatrixChannels) return kSimilarityAmx;
#endif
#ifdef PETSGAN_X86_KERNELS
  if (level >= SimdLevel::kAvx512) return kSimilarityAvx512;
  if (level == SimdLevel::kAvx2) return kSimilarityAvx2;
#endif
#ifdef PETSGAN_NEON_KERNELS
  if (level == SimdLevel::kNeon) return kSimilarityNeon;
#endif
  return kSimilarityPortable;
}

}  // namespace petsgan
