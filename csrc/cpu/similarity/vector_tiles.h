// Pixel products of one row pair by tiles: a few keys times one or two vectors of queries, their
// sums in registers over all channels. For products of which every pixel is packed in the same
// number of units of 4 bytes.
//
// Queries are packed as [height][padded_width / kLanes][unit][kLanes], keys as [height], then tiles
// of at most PETSGAN_MAX_TILE columns as [unit][tile]. `Product` says what a unit is:
//   units(channels): units of a pixel;
//   pack(map, scale, row, columns, packed): some columns of a row as [unit][columns.width];
//   multiply<Tile, Vectors>(keys, query, channels, out, row_stride):
//     out[key][query] = sum over channels; keys [unit][Tile], query Vectors x [unit][kLanes].
#pragma once

#include "cpu/feature_map.h"
#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

constexpr std::int64_t kUnitBytes = 4;

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

template <typename Product>
struct VectorTiles {
  // Of a row of so many columns.
  static std::int64_t row_bytes(std::int64_t channels, std::int64_t width) {
    return Product::units(channels) * width * kUnitBytes;
  }

  static void pack_query_row(const FeatureMap& map, float scale, std::int64_t row,
                             std::int64_t padded_width, std::byte* packed) {
    for (std::int64_t x = 0; x < padded_width; x += kLanes) {
      const std::int64_t used = map.width - x < kLanes ? map.width - x : kLanes;
      Product::pack(map, scale, row, {x, used, kLanes}, packed + row_bytes(map.channels, x));
    }
  }

  static void pack_key_row(const FeatureMap& map, float scale, std::int64_t row,
                           std::byte* packed) {
    for (std::int64_t t = 0; t < num_key_tiles(map.width); ++t) {
      const Columns tile = key_tile(t, map.width);
      Product::pack(map, scale, row, tile, packed + row_bytes(map.channels, tile.start));
    }
  }

  using MultiplyTile = void (*)(const std::byte* keys, const std::byte* query,
                                std::int64_t channels, float* out, std::int64_t row_stride);

  template <int Vectors>
  static MultiplyTile multiply_for(std::int64_t tile) {
    static constexpr MultiplyTile kTable[] = {
        Product::template multiply<1, Vectors>,  Product::template multiply<2, Vectors>,
        Product::template multiply<3, Vectors>,  Product::template multiply<4, Vectors>,
        Product::template multiply<5, Vectors>,  Product::template multiply<6, Vectors>,
#if PETSGAN_MAX_TILE > 6
        Product::template multiply<7, Vectors>,  Product::template multiply<8, Vectors>,
        Product::template multiply<9, Vectors>,  Product::template multiply<10, Vectors>,
        Product::template multiply<11, Vectors>, Product::template multiply<12, Vectors>,
#endif
    };
    return kTable[tile - 1];
  }

  static void multiply_rows(const SimilarityTask& task, const Layout& layout,
                            std::int64_t query_row, std::int64_t key_row, float* products) {
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
};

}  // namespace
}  // namespace petsgan
