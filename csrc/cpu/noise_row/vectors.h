// common/philox.h and common/box_muller.h with PETSGAN_LANES pixels at a time: the same operations
// in the same order, so the same bits. Included only by the per-instruction-set files; everything
// but the kernel lies in an anonymous namespace, or the linker could keep the copy that an older
// processor cannot run.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/noise_row/kernel.h"

namespace petsgan {
namespace {

constexpr std::int64_t kLanes = PETSGAN_LANES;
typedef double Real __attribute__((vector_size(PETSGAN_LANES * 8)));
typedef float Single __attribute__((vector_size(PETSGAN_LANES * 4)));
// A 32-bit word in each 64-bit lane. The upper half may hold anything until `low_half`.
typedef std::uint64_t Word __attribute__((vector_size(PETSGAN_LANES * 8)));

#if PETSGAN_LANES == 8
// The forms with a mask: GCC's plain ones warn of an uninitialised value of their own.
constexpr __mmask8 kAll = 0xFF;
inline Word multiply(Word a, Word b) {
  return (Word)_mm512_maskz_mul_epu32(kAll, (__m512i)a, (__m512i)b);
}
inline Real fused(Real a, Real b, Real c) { return (Real)_mm512_fmadd_pd(a, b, c); }
inline Real fused_negated(Real a, Real b, Real c) { return (Real)_mm512_fnmadd_pd(a, b, c); }
inline Real root(Real a) { return (Real)_mm512_maskz_sqrt_pd(kAll, a); }
inline Real floor(Real a) {
  return (Real)_mm512_maskz_roundscale_pd(kAll, a, _MM_FROUND_TO_NEG_INF);
}
constexpr Word kIota = {0, 1, 2, 3, 4, 5, 6, 7};
#else
inline Word multiply(Word a, Word b) { return (Word)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
inline Real fused(Real a, Real b, Real c) { return (Real)_mm256_fmadd_pd(a, b, c); }
inline Real fused_negated(Real a, Real b, Real c) { return (Real)_mm256_fnmadd_pd(a, b, c); }
inline Real root(Real a) { return (Real)_mm256_sqrt_pd(a); }
inline Real floor(Real a) { return (Real)_mm256_floor_pd(a); }
constexpr Word kIota = {0, 1, 2, 3};
#endif

inline Word splat(std::uint64_t x) { return Word{} + x; }
inline Real splat(double x) { return x - Real{}; }  // not +: -0 + 0 is 0
inline Word low_half(Word x) { return x & 0xFFFFFFFFU; }

// The exact value of a whole number below 2^52: it becomes the low bits of 2^52 + x.
inline Real real_from(Word x) {
  return (Real)(x | splat(std::uint64_t{0x4330000000000000U})) - 0x1p52;
}

// The correctly rounded x / divisor for an integer 2 <= divisor < 1024, as division would give it,
// an order of magnitude faster. q is within 2 units of the quotient and the remainder x - q divisor
// is exact, so q + remainder / divisor is within 2^-51 units of it. No quotient is so close to a
// midpoint of two doubles: x and midpoint * divisor are whole multiples of half a unit that are
// never equal (the midpoint has 54 significant bits, x has 53), so that quotient and midpoint are
// at least 1 / 2048 of a unit apart. x must not be so small that the remainder underflows.
inline Real divide(Real x, int divisor) {
  const Real inverse = splat(1.0 / divisor);
  const Real q = x * inverse;
  const Real remainder = fused_negated(q, splat(static_cast<double>(divisor)), x);
  return fused(remainder, inverse, q);
}

inline Real uniform_from_word(Word word) { return (real_from(low_half(word)) + 0.5) * 0x1p-32; }

inline Real natural_log(Real x) {
  // frexp of a normal number, by its bits.
  const Word bits = (Word)x;
  const Real mantissa_below_1 = (Real)((bits & 0x000FFFFFFFFFFFFFU) |
                                       splat(std::uint64_t{0x3FE0000000000000U}));  // in [1/2, 1)
  const Word small = (Word)(mantissa_below_1 < 0.70710678118654752);  // all ones where true
  const Real mantissa = (Real)((Word)mantissa_below_1 + (small & (std::uint64_t{1} << 52)));
  const Real exponent = real_from((bits >> 52) + small) - 1022.0;
  const Real f = (mantissa - 1.0) / (mantissa + 1.0);
  const Real s = f * f;
  Real series = splat(1.0 / 23.0);
#pragma GCC unroll 11
  for (int odd = 21; odd >= 1; odd -= 2) series = series * s + 1.0 / odd;
  return exponent * 0.69314718055994531 + 2.0 * f * series;
}

struct Pair {
  Real cosine, sine;
};

inline Pair cos_sin_turns(Real u) {
  const Real quarter = floor(u * 4.0 + 0.5);
  const Real x = (u - quarter * 0.25) * 6.2831853071795865;
  const Real s = x * x;
  Real cos_x = splat(1.0);
  Real sin_x = splat(1.0);
#pragma GCC unroll 9
  for (int k = 9; k >= 1; --k) {
    cos_x = 1.0 - divide(cos_x * s, (2 * k - 1) * (2 * k));
    sin_x = 1.0 - divide(sin_x * s, (2 * k) * (2 * k + 1));
  }
  sin_x = sin_x * x;
  const Word turn = (Word)(quarter + 0x1p52);  // modulo 4 in its two lowest bits
  const Word odd = -(turn & 1);                // all ones where the two change places
  const Word cosine = (odd & (Word)sin_x) | (~odd & (Word)cos_x);
  const Word sine = (odd & (Word)cos_x) | (~odd & (Word)sin_x);
  // Signs: - where turn is 1 or 2, - where it is 2 or 3.
  return {(Real)(cosine ^ (((turn + 1) & 2) << 62)), (Real)(sine ^ ((turn & 2) << 62))};
}

inline void store(float* to, Real values, std::int64_t count) {
  const Single rounded = __builtin_convertvector(values, Single);
  if (count == kLanes) {
    std::memcpy(to, &rounded, sizeof rounded);  // one store
  } else {
    std::memcpy(to, &rounded, static_cast<std::size_t>(count) * sizeof *to);
  }
}

// Two channels of `count` pixels from two random words each.
inline void box_muller(Word word0, Word word1, std::int64_t channels, std::int64_t plane,
                       std::int64_t count, float* out) {
  const Real radius = root(-2.0 * natural_log(uniform_from_word(word0)));
  const Pair turn = cos_sin_turns(uniform_from_word(word1));
  store(out, radius * turn.cosine, count);
  if (channels > 1) store(out + plane, radius * turn.sine, count);
}

struct Words {
  Word c0, c1, c2, c3;
};

inline Words philox4x32(Words c, std::uint32_t key0, std::uint32_t key1) {
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Word product0 = multiply(c.c0, splat(std::uint64_t{0xD2511F53U}));
    const Word product1 = multiply(c.c2, splat(std::uint64_t{0xCD9E8D57U}));
    c = {(product1 >> 32) ^ c.c1 ^ splat(std::uint64_t{key0}), product1,
         (product0 >> 32) ^ c.c3 ^ splat(std::uint64_t{key1}), product0};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return c;
}

}  // namespace

void PETSGAN_NOISE_ROW(const NoiseRow& row) {
  const Word y = splat(std::uint64_t{row.y});
  const Word image = splat(std::uint64_t{row.image});
  const Word group = splat(std::uint64_t{row.group});
  for (std::int64_t start = 0; start < row.width; start += kLanes) {
    const std::int64_t left = row.width - start;
    const std::int64_t count = left < kLanes ? left : kLanes;
    const Word x = kIota + (row.x + static_cast<std::uint64_t>(start));
    const Words words = philox4x32({x, y, image, group}, row.key0, row.key1);
    float* out = row.out + start;
    box_muller(words.c0, words.c1, row.channels, row.plane, count, out);
    if (row.channels > 2) {
      box_muller(words.c2, words.c3, row.channels - 2, row.plane, count, out + 2 * row.plane);
    }
  }
}

}  // namespace petsgan
