// What loops.h needs, in registers of 32 bytes: the window of a candidate is rows of 40 bytes,
// which wider ones do not fit.
#include <immintrin.h>

#include <cstdint>

namespace petsgan {
namespace {

inline __m128i eight_bytes(const std::int8_t* from) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
}
inline __m256i sixteen(const std::int8_t* from) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline __m256i load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

// The eight numbers of a feature as 16-bit ones.
inline void widen(const std::int8_t* from, std::int16_t* to) {
  _mm_store_si128(reinterpret_cast<__m128i*>(to), _mm_cvtepi8_epi16(eight_bytes(from)));
}

// weight * difference^2 of 16 numbers, summed in pairs. The product of weight and difference fits
// 16 bits: it is at most 128 * 255.
inline __m256i weighed(__m256i candidate, const std::int16_t* near, const std::int16_t* weights) {
  const __m256i apart = _mm256_sub_epi16(candidate, load(near));
  return _mm256_madd_epi16(_mm256_mullo_epi16(apart, load(weights)), apart);
}

inline std::int32_t sum_of(__m128i four) {
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1));
  return _mm_cvtsi128_si32(four);
}
inline __m128i halves_of(__m256i eight) {
  return _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
}

// Sum of weight * difference^2 over the window whose upper left feature is `corner`, with `row`
// numbers from one row of features to the next. Weights are 0 to 128.
inline std::int32_t distance(const std::int8_t* corner, std::int64_t row, const std::int16_t* near,
                             const std::int16_t* weights) {
  __m256i even = _mm256_setzero_si256();
  __m256i odd = even;
  const auto add = [&](__m256i* sum, __m256i candidate, std::int64_t at) {
    *sum = _mm256_add_epi32(*sum, weighed(candidate, near + at, weights + at));
  };
  // Two rows have 80 numbers: 16 of them are the end of the first and the start of the second.
  for (std::int64_t y = 0; y < 4; y += 2) {
    const std::int8_t* upper = corner + y * row;
    const std::int8_t* lower = upper + row;
    const __m128i both = _mm_unpacklo_epi64(eight_bytes(upper + 32), eight_bytes(lower));
    add(&even, sixteen(upper), y * 40);
    add(&odd, sixteen(upper + 16), y * 40 + 16);
    add(&even, _mm256_cvtepi8_epi16(both), y * 40 + 32);
    add(&odd, sixteen(lower + 8), y * 40 + 48);
    add(&even, sixteen(lower + 24), y * 40 + 64);
  }
  const std::int8_t* last = corner + 4 * row;
  add(&odd, sixteen(last), 160);
  add(&even, sixteen(last + 16), 176);
  const __m128i apart = _mm_sub_epi16(_mm_cvtepi8_epi16(eight_bytes(last + 32)),
                                      _mm_load_si128(reinterpret_cast<const __m128i*>(near + 192)));
  const __m128i weight = _mm_load_si128(reinterpret_cast<const __m128i*>(weights + 192));
  const __m128i rest = _mm_madd_epi16(_mm_mullo_epi16(apart, weight), apart);
  return sum_of(_mm_add_epi32(halves_of(_mm256_add_epi32(even, odd)), rest));
}

// How many of `side` rows of `side` numbers, `stride` apart, equal `wanted`.
inline std::int32_t count_equal(const std::uint16_t* from, std::int64_t stride, std::int64_t side,
                                std::uint16_t wanted) {
  const __m256i all = _mm256_set1_epi16(static_cast<short>(wanted));
  __m256i wide = _mm256_setzero_si256();
  __m128i narrow = _mm_setzero_si128();
  std::int32_t rest = 0;
  for (std::int64_t y = 0; y < side; ++y) {
    const std::uint16_t* row = from + y * stride;
    std::int64_t x = 0;
    for (; x + 16 <= side; x += 16) {
      wide = _mm256_sub_epi16(wide, _mm256_cmpeq_epi16(load(row + x), all));
    }
    for (; x + 8 <= side; x += 8) {
      const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + x));
      narrow = _mm_sub_epi16(narrow, _mm_cmpeq_epi16(here, _mm256_castsi256_si128(all)));
    }
    for (; x < side; ++x) rest += row[x] == wanted ? 1 : 0;
  }
  const __m128i sums = _mm_add_epi32(halves_of(_mm256_madd_epi16(wide, _mm256_set1_epi16(1))),
                                     _mm_madd_epi16(narrow, _mm_set1_epi16(1)));
  return rest + sum_of(sums);
}

inline unsigned equal_eight(const PackedPlace* places, PackedPlace place) {
  const __m256i equal = _mm256_cmpeq_epi32(load(places), _mm256_set1_epi32(place));
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(equal)));
}

// How many of eight places equal one.
inline std::int32_t count_eight(const PackedPlace* places, PackedPlace place) {
  return __builtin_popcount(equal_eight(places, place));
}

}  // namespace
}  // namespace petsgan
