// The pixel products of one row pair on the matrix unit of newer Intel processors (AMX), which
// multiplies bfloat16 and adds in float32.
//
// A float32 is the sum of three bfloat16: high, middle and low part, 8 bits of the significand
// each. Of the nine products of two such sums the six that count are taken; what is left out is
// below 2^-23 of the whole, like a rounding of float32. The small ones are added first.
//
// Everything is in tiles of 1 KiB: [16 keys][16 pairs of channels][2] and
// [16 pairs of channels][16 queries][2]. Rows are packed as [tile of 16 columns][block of 32
// channels][part].
#pragma once

#include <immintrin.h>

#include "cpu/feature_map.h"
#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

constexpr std::int64_t kSide = 16;   // columns of a tile
constexpr std::int64_t kBlock = 32;  // channels of a tile
constexpr std::int64_t kTileBytes = 64 * kSide;
constexpr std::int64_t kParts = 3;  // of a number
constexpr std::int64_t kBlockBytes = kParts * kTileBytes;
typedef std::uint32_t Pairs
    __attribute__((vector_size(64)));  // two bfloat16 for each of 16 columns

std::int64_t blocks(std::int64_t channels) { return (channels + kBlock - 1) / kBlock; }
std::int64_t tiles(std::int64_t columns) { return (columns + kSide - 1) / kSide; }

// The matrix unit is switched on while this lives.
class ProductUnit {
 public:
  ProductUnit() {
    // Static: the compiler believes that only the first bytes of it are read, and would leave the
    // others of a local one unset.
    struct alignas(64) Config {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    static const Config config;
    _tile_loadconfig(&config);
  }
  ~ProductUnit() { _tile_release(); }
  ProductUnit(const ProductUnit&) = delete;
  ProductUnit& operator=(const ProductUnit&) = delete;
};

std::int64_t query_row_bytes(std::int64_t channels, std::int64_t padded_width) {
  return tiles(padded_width) * blocks(channels) * kBlockBytes;
}

std::int64_t key_row_bytes(std::int64_t channels, std::int64_t width) {
  return query_row_bytes(channels, width);
}

// Takes the highest 8 bits of the significands, rounded to nearest even, off `rest`.
Pairs take_part(Vec& rest) {
  Pairs bits;
  std::memcpy(&bits, &rest, sizeof bits);
  bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000;
  Vec part;
  std::memcpy(&part, &bits, sizeof part);
  rest -= part;
  return bits;
}

Vec load_columns(const FeatureMap& map, float scale, std::int64_t channel, std::int64_t row,
                 std::int64_t first) {
  Vec columns = splat(0.0F);
  if (channel >= map.channels) return columns;
  const float* from = map.features + (channel * map.height + row) * map.width + first;
  const std::int64_t used = map.width - first < kSide ? map.width - first : kSide;
  std::memcpy(&columns, from, static_cast<std::size_t>(used) * sizeof(float));
  return columns * splat(scale);
}

// Calls put(part, pair of channels, Pairs) for all of one tile of columns and block of channels.
template <typename Put>
void split_tile(const FeatureMap& map, float scale, std::int64_t row, std::int64_t first,
                std::int64_t block, const Put& put) {
  for (std::int64_t pair = 0; pair < kBlock / 2; ++pair) {
    const std::int64_t channel = block * kBlock + 2 * pair;
    Vec even = load_columns(map, scale, channel, row, first);
    Vec odd = load_columns(map, scale, channel + 1, row, first);
    for (std::int64_t part = 0; part < kParts; ++part) {
      const Pairs low = take_part(even) >> 16;
      put(part, pair, low | take_part(odd));
    }
  }
}

void pack_query_row(const FeatureMap& map, float scale, std::int64_t row, std::int64_t padded_width,
                    std::byte* packed) {
  for (std::int64_t x = 0; x < padded_width; x += kSide) {
    for (std::int64_t block = 0; block < blocks(map.channels); ++block, packed += kBlockBytes) {
      split_tile(map, scale, row, x, block,
                 [packed](std::int64_t part, std::int64_t pair, const Pairs& pairs) {
                   std::memcpy(packed + part * kTileBytes + pair * 64, &pairs, 64);
                 });
    }
  }
}

void pack_key_row(const FeatureMap& map, float scale, std::int64_t row, std::byte* packed) {
  for (std::int64_t x = 0; x < map.width; x += kSide) {
    for (std::int64_t block = 0; block < blocks(map.channels); ++block, packed += kBlockBytes) {
      split_tile(map, scale, row, x, block,
                 [packed](std::int64_t part, std::int64_t pair, const Pairs& pairs) {
                   for (std::int64_t key = 0; key < kSide; ++key) {
                     const std::uint32_t both = pairs[key];
                     std::memcpy(packed + part * kTileBytes + key * 64 + pair * 4, &both, 4);
                   }
                 });
    }
  }
}

// The sums of Keys x Queries tiles (1 or 2 each) of 16 columns. The compiler wants register
// numbers: 0 to 3 are the sums, row by row, 4 and 5 keys, 6 and 7 queries.
template <int Keys, int Queries>
void multiply_tiles(const std::byte* keys, const std::byte* queries, std::int64_t num_blocks,
                    float* out, std::int64_t stride) {
  const std::int64_t row = num_blocks * kBlockBytes;  // from one tile of columns to the next
  const auto load_keys = [&](std::int64_t at) {
    _tile_loadd(4, keys + at, 64);
    if (Keys > 1) _tile_loadd(5, keys + row + at, 64);
  };
  const auto load_queries = [&](std::int64_t at) {
    _tile_loadd(6, queries + at, 64);
    if (Queries > 1) _tile_loadd(7, queries + row + at, 64);
  };
  const auto multiply = [] {
    _tile_dpbf16ps(0, 4, 6);
    if (Queries > 1) _tile_dpbf16ps(1, 4, 7);
    if (Keys > 1) _tile_dpbf16ps(2, 5, 6);
    if (Keys > 1 && Queries > 1) _tile_dpbf16ps(3, 5, 7);
  };
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t block = 0; block < num_blocks; ++block) {
    const std::int64_t high = block * kBlockBytes, middle = high + kTileBytes,
                       low = middle + kTileBytes;
    load_keys(high);
    load_queries(low);
    multiply();
    load_queries(middle);
    multiply();
    load_keys(middle);
    multiply();
    load_queries(high);
    multiply();
    load_keys(low);
    multiply();
    load_keys(high);
    multiply();
  }
  const auto bytes = static_cast<std::size_t>(stride) * sizeof(float);
  _tile_stored(0, out, bytes);
  if (Queries > 1) _tile_stored(1, out + kSide, bytes);
  if (Keys > 1) _tile_stored(2, out + kSide * stride, bytes);
  if (Keys > 1 && Queries > 1) _tile_stored(3, out + kSide * stride + kSide, bytes);
}

void multiply_rows(const SimilarityTask& task, const Layout& layout, std::int64_t query_row,
                   std::int64_t key_row, float* products) {
  const std::int64_t num_blocks = blocks(task.channels), tile = num_blocks * kBlockBytes;
  const std::byte* queries =
      task.query + query_row * query_row_bytes(task.channels, task.padded_width);
  const std::byte* keys = task.keys + key_row * key_row_bytes(task.channels, task.key_width);
  const std::int64_t key_tiles = tiles(task.key_width), query_tiles = tiles(task.padded_width);
  for (std::int64_t k = 0; k < key_tiles; k += 2) {
    for (std::int64_t q = 0; q < query_tiles; q += 2) {
      const bool two_keys = k + 1 < key_tiles, two_queries = q + 1 < query_tiles;
      const auto multiply = two_keys ? (two_queries ? multiply_tiles<2, 2> : multiply_tiles<2, 1>)
                                     : (two_queries ? multiply_tiles<1, 2> : multiply_tiles<1, 1>);
      multiply(keys + k * tile, queries + q * tile, num_blocks,
               products + k * kSide * layout.stride + q * kSide, layout.stride);
    }
  }
}

}  // namespace
}  // namespace petsgan
