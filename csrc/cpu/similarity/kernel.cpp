#include "cpu/similarity/kernel.h"

#include "cpu/simd.h"
#include "petsgan/patch_transfer.h"

namespace petsgan {

namespace {

// The matrix unit takes 32 channels at once; fewer than this are faster without it.
[[maybe_unused]] constexpr std::int64_t kMinMatrixChannels = 12;

const SimilarityKernel& exact_kernel([[maybe_unused]] SimdLevel level,
                                     [[maybe_unused]] std::int64_t channels) {
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

// Null where the exact kernel is at least as fast. That is so for few channels: for a vector of
// sums float32 takes one instruction for each of C channels, 16-bit integers one (with VNNI) or two
// for each pair of channels, and three more that convert and scale the sum. Per clock cycle there
// start two multiplications of either kind, and on AVX2 one addition of integers besides. Packing
// the query moves the bounds up a little.
const SimilarityKernel* fast_kernel([[maybe_unused]] SimdLevel level,
                                    [[maybe_unused]] std::int64_t channels) {
#ifdef PETSGAN_AMX_KERNELS
  if (level == SimdLevel::kAmx && channels >= kMinMatrixChannels) return &kSimilarityAmxFast;
#endif
#ifdef PETSGAN_X86_KERNELS
  // C / 2 cycles against C / 4 + 1.5
  if (level >= SimdLevel::kAvx512Vnni) return channels >= 8 ? &kSimilarityAvx512VnniFast : nullptr;
  // C / 2 cycles against C / 2 + 1.5: what is won is half the loads, which counts once the float32
  // rows of a pair of maps do not stay in the nearest cache.
  if (level == SimdLevel::kAvx512) return channels >= 64 ? &kSimilarityAvx512Fast : nullptr;
  // C / 2 cycles against C / 3 + 1.5
  if (level == SimdLevel::kAvx2) return channels >= 16 ? &kSimilarityAvx2Fast : nullptr;
#endif
  return nullptr;
}

}  // namespace

const SimilarityKernel& similarity_kernel(std::int64_t channels, PatchPrecision precision) {
  const SimdLevel level = simd_level();
  const SimilarityKernel* fast =
      precision == PatchPrecision::kFast ? fast_kernel(level, channels) : nullptr;
  return fast != nullptr ? *fast : exact_kernel(level, channels);
}

}  // namespace petsgan
