// The pixel products of one row pair: a small matrix product over the channels.
#pragma once

#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

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
      const Vec key = splat(keys[c * Tile + i]);
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
  const float* query = task.query + query_row * task.padded_width * task.channels;
  const float* keys = task.keys + key_row * task.key_width * task.channels;
  const std::int64_t num_tiles = (task.key_width + PETSGAN_MAX_TILE - 1) / PETSGAN_MAX_TILE;
  for (std::int64_t t = 0; t < num_tiles; ++t) {
    const KeyTile tile = key_tile(t, num_tiles, task.key_width);
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
