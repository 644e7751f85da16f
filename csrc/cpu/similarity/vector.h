// A vector of PETSGAN_LANES floats in GCC's and clang's portable vector notation. Included only by
// the per-instruction-set files, inside an anonymous namespace each: no function here may be shared
// between them, or the linker could keep the copy that an older processor cannot run.
#pragma once

#include <cstdint>
#include <cstring>
#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace petsgan {
namespace {

constexpr std::int64_t kLanes = PETSGAN_LANES;
typedef float Vec __attribute__((vector_size(PETSGAN_LANES * 4)));
typedef std::int32_t IntVec __attribute__((vector_size(PETSGAN_LANES * 4)));

inline Vec load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline IntVec load(const std::int32_t* from) {
  IntVec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }
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
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }

inline bool any_greater(Vec a, Vec b) {
#if PETSGAN_LANES == 16
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
#elif PETSGAN_LANES == 8
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)) != 0;
#else
  const IntVec greater = a > b;
  std::int32_t any = 0;
  for (int lane = 0; lane < PETSGAN_LANES; ++lane) any |= greater[lane];
  return any != 0;
#endif
}

// 2^x for x <= 0, relative error below 2e-7; below 2^-125 it stays there.
inline Vec exp2_nonpositive(Vec x) {
  const Vec magic = splat(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
  x = max(x, splat(-125.0F));
  const Vec shifted = x + magic;
  const Vec f = x - (shifted - magic);  // in [-1/2, 1/2]
  Vec p = splat(1.535336188319500e-4F);
  p = p * f + 1.339887440266574e-3F;
  p = p * f + 9.618437357674640e-3F;
  p = p * f + 5.550332471162809e-2F;
  p = p * f + 2.402264791363012e-1F;
  p = p * f + 6.931472028550421e-1F;
  p = p * f + 1.0F;
  // The low bits of `shifted` are the integer; put it into the exponent.
  typedef std::uint32_t UintVec __attribute__((vector_size(PETSGAN_LANES * 4)));
  return (Vec)((UintVec)p + ((UintVec)shifted << 23));
}

}  // namespace
}  // namespace petsgan
