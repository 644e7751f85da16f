// The pixel products of one row pair in float32 vectors; a unit of vector_tiles.h is one feature.
#pragma once

#include "cpu/similarity/vector_tiles.h"

namespace petsgan {
namespace {

struct ProductUnit {};  // nothing to switch on

struct Float32Product {
  static std::int64_t units(std::int64_t channels) { return channels; }

  static void pack(const FeatureMap& map, float scale, std::int64_t row, const Columns& columns,
                   std::byte* packed) {
    auto* to = reinterpret_cast<float*>(packed);
    for (std::int64_t c = 0; c < map.channels; ++c) {
      const float* from = map.features + (c * map.height + row) * map.width + columns.start;
      for (std::int64_t i = 0; i < columns.width; ++i) {
        *to++ = i < columns.used ? from[i] * scale : 0.0F;
      }
    }
  }

  template <int Tile, int Vectors>
  static void multiply(const std::byte* packed_keys, const std::byte* packed_query,
                       std::int64_t channels, float* out, std::int64_t row_stride) {
    const auto* keys = reinterpret_cast<const float*>(packed_keys);
    const auto* query = reinterpret_cast<const float*>(packed_query);
    Vec sum[Tile][Vectors] = {};
    for (std::int64_t c = 0; c < channels; ++c) {
      Vec q[Vectors];
#pragma GCC unroll 2
      for (int j = 0; j < Vectors; ++j) q[j] = load(query + (j * channels + c) * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < Tile; ++i) {
        const Vec key = splat_element(keys + c * Tile, Tile, i);
#pragma GCC unroll 2
        for (int j = 0; j < Vectors; ++j) sum[i][j] += key * q[j];
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < Tile; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < Vectors; ++j) store(out + i * row_stride + j * kLanes, sum[i][j]);
    }
  }
};

using Tiles = VectorTiles<Float32Product>;
constexpr auto query_row_bytes = Tiles::row_bytes, key_row_bytes = Tiles::row_bytes;
constexpr auto pack_query_row = Tiles::pack_query_row;
constexpr auto pack_key_row = Tiles::pack_key_row;
constexpr auto multiply_rows = Tiles::multiply_rows;

}  // namespace
}  // namespace petsgan
