// The pixel products of one row pair as a matrix product over the channels, in float32 vectors.
//
// Queries are packed as [height][padded_width / kLanes][channels][kLanes], keys as [height], then
// tiles of at most PETSGAN_MAX_TILE columns as [channels][tile].
#pragma once

#include "cpu/feature_map.h"
#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

struct ProductUnit {};  // nothing to switch on

// Columns [start, start + size) of a key row, split evenly so that no tile is small.
struct KeyTile {
  std::int64_t start, size;
};

std::int64_t num_key_tiles(std::int64_t width) {
  return (width + PETSGAN_MAX_TILE - 1) / PETSGAN_MAX_TILE;
}

KeyTile key_tile(std::int64_t tile, std::int64_t width) {
  const std::int64_t size = width / num_key_tiles(width), larger = width % num_key_tiles(width);
  return {tile * size + (tile < larger ? tile : larger), size + (tile < larger ? 1 : 0)};
}

std::int64_t query_row_bytes(std::int64_t channels, std::int64_t padded_width) {
  return channels * padded_width * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t key_row_bytes(std::int64_t channels, std::int64_t width) {
  return channels * width * static_cast<std::int64_t>(sizeof(float));
}

void pack_query_row(const FeatureMap& map, float scale, std::int64_t row, std::int64_t padded_width,
                    std::byte* packed) {
  auto* to = reinterpret_cast<float*>(packed);
  for (std::int64_t x = 0; x < padded_width; x += kLanes) {
    const std::int64_t used = map.width - x < kLanes ? map.width - x : kLanes;
    for (std::int64_t c = 0; c < map.channels; ++c, to += kLanes) {
      const float* from = map.features + (c * map.height + row) * map.width + x;
      for (std::int64_t i = 0; i < kLanes; ++i) to[i] = i < used ? from[i] * scale : 0.0F;
    }
  }
}

void pack_key_row(const FeatureMap& map, float scale, std::int64_t row, std::byte* packed) {
  auto* to = reinterpret_cast<float*>(packed);
  for (std::int64_t t = 0; t < num_key_tiles(map.width); ++t) {
    const KeyTile tile = key_tile(t, map.width);
    for (std::int64_t c = 0; c < map.channels; ++c) {
      const float* from = map.features + (c * map.height + row) * map.width + tile.start;
      for (std::int64_t i = 0; i < tile.size; ++i) *to++ = from[i] * scale;
    }
  }
}

// out[key][query] = sum over channels; keys [channels][Tile], query Vectors x [channels][lanes].
template <int Tile, int Vectors>
void multiply_tile(const float* keys, const float* query, std::int64_t channels, float* out,
                   std::int64_t row_stride) {
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

using MultiplyTile = void (*)(const float*, const float*, std::int64_t, float*, std::int64_t);

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
  const auto* query =
      reinterpret_cast<const float*>(task.query) + query_row * task.padded_width * task.channels;
  const auto* keys =
      reinterpret_cast<const float*>(task.keys) + key_row * task.key_width * task.channels;
  for (std::int64_t t = 0; t < num_key_tiles(task.key_width); ++t) {
    const KeyTile tile = key_tile(t, task.key_width);
    float* out = products + tile.start * layout.stride;
    std::int64_t x = 0;
    for (; x + 2 * kLanes <= task.padded_width; x += 2 * kLanes) {
      multiply_for<2>(tile.size)(keys + tile.start * task.channels, query + x * task.channels,
                                 task.channels, out + x, layout.stride);
    }
    if (x < task.padded_width) {
      multiply_for<1>(tile.size)(keys + tile.start * task.channels, query + x * task.channels,
                                 task.channels, out + x, layout.stride);
    }
  }
}

}  // namespace
}  // namespace petsgan
