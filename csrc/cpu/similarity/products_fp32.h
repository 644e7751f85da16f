// The pixel products of one row pair in float32 vectors, by tiles: a few keys times one or two
// vectors of queries, their sums in registers over all channels.
//
// Queries are packed as [height][padded_width / kLanes][channel][kLanes], keys as [height], then
// tiles of at most PETSGAN_MAX_TILE columns as [channel][tile].
#pragma once

#include "cpu/feature_map.h"
#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

struct ProductUnit {};  // nothing to switch on

// `used` columns from `start` on, then columns of zeros up to `width`.
struct Columns {
  std::int64_t start, used, width;
};

std::int64_t num_key_tiles(std::int64_t width) {
  return (width + PETSGAN_MAX_TILE - 1) / PETSGAN_MAX_TILE;
}

// A row is split evenly, so that no tile is small.
Columns key_tile(std::int64_t tile, std::int64_t width) {
  const std::int64_t size = width / num_key_tiles(width), larger = width % num_key_tiles(width);
  const std::int64_t own = size + (tile < larger ? 1 : 0);
  return {tile * size + (tile < larger ? tile : larger), own, own};
}

// Of so many columns of a row.
std::int64_t row_bytes(std::int64_t channels, std::int64_t width) {
  return channels * width * static_cast<std::int64_t>(sizeof(float));
}
constexpr auto query_row_bytes = row_bytes, key_row_bytes = row_bytes;

// Some columns of a row as [channel][columns.width].
void pack_columns(const FeatureMap& map, float scale, std::int64_t row, const Columns& columns,
                  std::byte* packed) {
  auto* to = reinterpret_cast<float*>(packed);
  for (std::int64_t c = 0; c < map.channels; ++c) {
    const float* from = map.features + (c * map.height + row) * map.width + columns.start;
    for (std::int64_t i = 0; i < columns.width; ++i) {
      *to++ = i < columns.used ? from[i] * scale : 0.0F;
    }
  }
}

void pack_query_row(const FeatureMap& map, float scale, std::int64_t row, std::int64_t padded_width,
                    std::byte* packed) {
  for (std::int64_t x = 0; x < padded_width; x += kLanes) {
    const std::int64_t used = map.width - x < kLanes ? map.width - x : kLanes;
    pack_columns(map, scale, row, {x, used, kLanes}, packed + row_bytes(map.channels, x));
  }
}

void pack_key_row(const FeatureMap& map, float scale, std::int64_t row, std::byte* packed) {
  for (std::int64_t t = 0; t < num_key_tiles(map.width); ++t) {
    const Columns tile = key_tile(t, map.width);
    pack_columns(map, scale, row, tile, packed + row_bytes(map.channels, tile.start));
  }
}

// out[key][query] = sum over channels; keys [channel][Tile], query Vectors x [channel][kLanes].
template <int Tile, int Vectors>
void multiply_tile(const std::byte* packed_keys, const std::byte* packed_query,
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

using MultiplyTile = void (*)(const std::byte* keys, const std::byte* query, std::int64_t channels,
                              float* out, std::int64_t row_stride);

template <int Vectors>
MultiplyTile multiply_for(std::int64_t tile) {
  static constexpr MultiplyTile kTable[] = {
      multiply_tile<1, Vectors>,  multiply_tile<2, Vectors>,  multiply_tile<3, Vectors>,
      multiply_tile<4, Vectors>,  multiply_tile<5, Vectors>,  multiply_tile<6, Vectors>,
#if PETSGAN_MAX_TILE > 6
      multiply_tile<7, Vectors>,  multiply_tile<8, Vectors>,  multiply_tile<9, Vectors>,
      multiply_tile<10, Vectors>, multiply_tile<11, Vectors>, multiply_tile<12, Vectors>,
#endif
  };
  return kTable[tile - 1];
}

void multiply_rows(const SimilarityTask& task, const Layout& layout, std::int64_t query_row,
                   std::int64_t key_row, float* products) {
  const std::int64_t channels = task.channels, column = row_bytes(channels, 1);
  const std::byte* query = task.query + query_row * task.padded_width * column;
  const std::byte* keys = task.keys + key_row * task.key_width * column;
  for (std::int64_t t = 0; t < num_key_tiles(task.key_width); ++t) {
    const Columns tile = key_tile(t, task.key_width);
    const std::byte* tile_keys = keys + tile.start * column;
    float* out = products + tile.start * layout.stride;
    std::int64_t x = 0;
    for (; x + 2 * kLanes <= task.padded_width; x += 2 * kLanes) {
      multiply_for<2>(tile.used)(tile_keys, query + x * column, channels, out + x, layout.stride);
    }
    if (x < task.padded_width) {
      multiply_for<1>(tile.used)(tile_keys, query + x * column, channels, out + x, layout.stride);
    }
  }
}

}  // namespace
}  // namespace petsgan
