// A vector of PETSGAN_LANES floats in GCC's and clang's portable vector notation. Included only by
// the per-instruction-set files, inside an anonymous namespace each: no function here may be shared
// between them, or the linker could keep the copy that an older processor cannot run.
#pragma once

#include <cstdint>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace petsgan {
namespace {

constexpr std::int64_t kLanes = PETSGAN_LANES;
typedef float Vec __attribute__((vector_size(PETSGAN_LANES * 4)));
typedef std::int32_t IntVec __attribute__((vector_size(PETSGAN_LANES * 4)));

#ifdef __aarch64__
// GCC takes a vector that is copied by memcpy through two integer registers.
inline Vec load(const float* from) { return (Vec)vld1q_f32(from); }
inline void store(float* to, Vec v) { vst1q_f32(to, (float32x4_t)v); }
#else
inline Vec load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }
#endif
inline IntVec load(const std::int32_t* from) {
  IntVec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline void store(std::int32_t* to, IntVec v) { std::memcpy(to, &v, sizeof v); }
// Not `Vec{} + x`: for floats that is an addition (-0 + 0 is 0) and not a broadcast.
inline Vec splat(float x) {
#if PETSGAN_LANES == 16
  return Vec{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
#elif PETSGAN_LANES == 8
  return Vec{x, x, x, x, x, x, x, x};
#else
  return Vec{x, x, x, x};
#endif
}
inline IntVec splat_int(std::int32_t x) { return IntVec{} + x; }
// One element of `count` floats in all lanes. `i` must be a constant once loops are unrolled.
inline Vec splat_element(const float* from, [[maybe_unused]] int count, int i) {
#ifdef __aarch64__
  // A multiplication takes an element of a register as it is, while a load into all lanes also
  // takes a vector unit on many cores. So load whole vectors, the last one up to the end.
  if (count >= PETSGAN_LANES) {
    const int whole = i / PETSGAN_LANES * PETSGAN_LANES, last = count - PETSGAN_LANES;
    const int first = whole < last ? whole : last;
    return splat(load(from + first)[i - first]);
  }
#endif
  return splat(from[i]);
}

inline Vec max(Vec a, Vec b) {
#ifdef __aarch64__
  return (Vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#else
  return a > b ? a : b;
#endif
}

inline bool any_greater(Vec a, Vec b) {
#if PETSGAN_LANES == 16
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
#elif PETSGAN_LANES == 8
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)) != 0;
#elif defined(__aarch64__)
  return vmaxvq_u32(vcgtq_f32((float32x4_t)a, (float32x4_t)b)) != 0;
#else
  const IntVec greater = a > b;
  std::int32_t any = 0;
  for (int lane = 0; lane < PETSGAN_LANES; ++lane) any |= greater[lane];
  return any != 0;
#endif
}

// 2^f, relative error below 2e-7, for |f| <= 1/2.
inline Vec exp2_fraction(Vec f) {
  Vec p = splat(1.326472457512767e-3F);
  p = p * f + 9.671513609103899e-3F;
  p = p * f + 5.550733759328655e-2F;
  p = p * f + 2.402224206907859e-1F;
  p = p * f + 6.931469775846277e-1F;
  return p * f + 1.0F;
}

// 2^x for x <= 0, relative error below 2e-7; below 2^-125 it stays there.
inline Vec exp2_nonpositive(Vec x) {
  x = max(x, splat(-125.0F));  // denormal numbers would cost a hundred times as much
#if PETSGAN_LANES == 16
  const __m512 f =
      _mm512_maskz_reduce_ps(0xFFFF, (__m512)x, 0);  // what is left after rounding to an integer
  const __m512 whole = (__m512)(x - (Vec)f);
  return (Vec)_mm512_maskz_scalef_ps(0xFFFF, (__m512)exp2_fraction((Vec)f), whole);
#else
  const Vec magic = splat(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
  const Vec shifted = x + magic;
  const Vec p = exp2_fraction(x - (shifted - magic));
  // The low bits of `shifted` are the integer; put it into the exponent.
  typedef std::uint32_t UintVec __attribute__((vector_size(PETSGAN_LANES * 4)));
  return (Vec)((UintVec)p + ((UintVec)shifted << 23));
#endif
}

}  // namespace
}  // namespace petsgan
