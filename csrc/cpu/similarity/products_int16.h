// The pixel products of one row pair in block floating point: the features of a pixel are 16-bit
// integers with one scale, of which a vector multiplies twice as many as of float32.
//
// A unit of vector_tiles.h is a pair of channels, multiplied and added in one instruction; the last
// unit of a pixel is its inverse scale as a float.
#pragma once

#include <immintrin.h>

#include <cmath>

#include "cpu/similarity/vector_tiles.h"

namespace petsgan {
namespace {

struct ProductUnit {};  // nothing to switch on

typedef std::uint32_t UintVec __attribute__((vector_size(PETSGAN_LANES * 4)));
typedef double DoubleVec __attribute__((vector_size(PETSGAN_LANES * 8)));

// sum + a[0] * b[0] + a[1] * b[1] of 16-bit integers in each lane.
inline IntVec multiply_add(IntVec sum, IntVec a, IntVec b) {
#ifdef __AVX512VNNI__
  return (IntVec)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif PETSGAN_LANES == 16
  return sum + (IntVec)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#else
  return sum + (IntVec)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}

struct Int16Product {
  static std::int64_t pairs(std::int64_t channels) { return (channels + 1) / 2; }
  static std::int64_t units(std::int64_t channels) { return pairs(channels) + 1; }

  // Zero for columns beyond `used` and for the channel after an odd last one.
  static Vec load_columns(const FeatureMap& map, float scale, std::int64_t channel,
                          std::int64_t row, const Columns& columns) {
    static_assert(PETSGAN_MAX_TILE <= PETSGAN_LANES);
    Vec loaded = splat(0.0F);
    if (channel >= map.channels) return loaded;
    const float* from = map.features + (channel * map.height + row) * map.width + columns.start;
    std::memcpy(&loaded, from, static_cast<std::size_t>(columns.used) * sizeof(float));
    return loaded * splat(scale);
  }

  // What the features of pixels of these energies are multiplied by. Rounding adds at most
  // sqrt(channels) / 2 to a norm, so with the second bound no sum of products, nor any part of it,
  // can leave an int32: 46340 * 46340 < 2^31. The third keeps the scale of zeros finite.
  static Vec integer_scale(const Vec& largest, const DoubleVec& energy, std::int64_t channels) {
    const double max_norm = 46340.0 - 0.5 * std::sqrt(static_cast<double>(channels));
    Vec scale;
    for (std::int64_t i = 0; i < kLanes; ++i) {
      const double by_largest = 32767.0 / static_cast<double>(largest[i]);
      const double by_norm = max_norm / std::sqrt(energy[i]);
      const double both = by_largest < by_norm ? by_largest : by_norm;
      scale[i] = static_cast<float>(both < 1e30 ? both : 1e30);
    }
    return scale;
  }

  static void pack(const FeatureMap& map, float scale, std::int64_t row, const Columns& columns,
                   std::byte* packed) {
    Vec largest = splat(0.0F);
    DoubleVec energy = {}, projection = {};
    for (std::int64_t c = 0; c < map.channels; ++c) {
      const Vec x = load_columns(map, scale, c, row, columns);
      const DoubleVec wide = __builtin_convertvector(x, DoubleVec);
      largest = max(largest, max(x, -x));
      energy += wide * wide;
    }
    const Vec to_integer = integer_scale(largest, energy, map.channels);
    const auto round = [&](std::int64_t channel) {
      const Vec magic = splat(12582912.0F);  // 1.5 * 2^23: leaves an integer in the low bits
      const Vec x = load_columns(map, scale, channel, row, columns);
      const Vec shifted = x * to_integer + magic;
      projection += __builtin_convertvector(x, DoubleVec) *
                    __builtin_convertvector(shifted - magic, DoubleVec);
      return (UintVec)shifted;
    };
    const auto unit_bytes = static_cast<std::size_t>(columns.width * kUnitBytes);
    for (std::int64_t c = 0; c < map.channels; c += 2, packed += unit_bytes) {
      const UintVec even = round(c), odd = round(c + 1);
      const UintVec both = (even & 0xFFFFU) | (odd << 16);
      std::memcpy(packed, &both, unit_bytes);
    }
    // This inverse leaves an error that is orthogonal to the pixel. The cosines that decide, those
    // with patches alike, then hardly change; flat regions would add one and the same error up.
    Vec inverse = splat(0.0F);
    for (std::int64_t i = 0; i < kLanes; ++i) {
      if (projection[i] > 0.0) inverse[i] = static_cast<float>(energy[i] / projection[i]);
    }
    std::memcpy(packed, &inverse, unit_bytes);
  }

  template <int Tile, int Vectors>
  static void multiply(const std::byte* packed_keys, const std::byte* packed_query,
                       std::int64_t channels, float* out, std::int64_t row_stride) {
    const auto* keys = reinterpret_cast<const std::int32_t*>(packed_keys);
    const auto* query = reinterpret_cast<const std::int32_t*>(packed_query);
    const std::int64_t num_pairs = pairs(channels), num_units = units(channels);
    IntVec sum[Tile][Vectors] = {};
    for (std::int64_t p = 0; p < num_pairs; ++p) {
      IntVec q[Vectors];
#pragma GCC unroll 2
      for (int j = 0; j < Vectors; ++j) q[j] = load(query + (j * num_units + p) * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < Tile; ++i) {
        const IntVec key = splat_int(keys[p * Tile + i]);
#pragma GCC unroll 2
        for (int j = 0; j < Vectors; ++j) sum[i][j] = multiply_add(sum[i][j], key, q[j]);
      }
    }
    const auto* key_scale = reinterpret_cast<const float*>(keys + num_pairs * Tile);
    const auto* query_scale = reinterpret_cast<const float*>(query + num_pairs * kLanes);
#pragma GCC unroll 2
    for (int j = 0; j < Vectors; ++j) {
      const Vec scale = load(query_scale + j * num_units * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < Tile; ++i) {
        const Vec product = __builtin_convertvector(sum[i][j], Vec) * scale;
        store(out + i * row_stride + j * kLanes, product * splat(key_scale[i]));
      }
    }
  }
};

using Tiles = VectorTiles<Int16Product>;
constexpr auto query_row_bytes = Tiles::row_bytes, key_row_bytes = Tiles::row_bytes;
constexpr auto pack_query_row = Tiles::pack_query_row;
constexpr auto pack_key_row = Tiles::pack_key_row;
constexpr auto multiply_rows = Tiles::multiply_rows;

}  // namespace
}  // namespace petsgan
