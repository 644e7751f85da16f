// Sizes that the plan (host) and the similarity kernel (device) share.
#pragma once

#include <cstddef>

namespace petsgan::cuda {

// A block multiplies kTile query columns with kTile key columns; kTile is 32 or 64. Each thread
// makes a 4 x 4 piece of the product, and later owns every (kTile / 16)-th key of one query column.
constexpr int kPiece = 4;
constexpr int kKeysPerThread = 16;

constexpr int block_threads(int tile) { return tile * tile / (kPiece * kPiece); }
constexpr int key_groups(int tile) { return tile / kKeysPerThread; }

// Row strides in elements. The paddings keep rows aligned as vector loads and tensor-core tiles ask
// (16 bytes) and shift neighbouring rows to other banks.
constexpr int product_stride(int tile) { return tile + 4; }
constexpr int slice_stride(int tile, std::size_t feature_bytes) {
  return tile + static_cast<int>(16 / feature_bytes);
}

// Channels that lie in shared memory at a time: two steps of a 16-deep tensor-core tile.
constexpr int slice_channels(std::size_t feature_bytes) { return feature_bytes == 4 ? 16 : 32; }

// The slices of both maps are dead when the product is stored, so they share its place.
constexpr std::size_t product_bytes(int tile, std::size_t feature_bytes) {
  const std::size_t product = sizeof(float) * static_cast<std::size_t>(tile * product_stride(tile));
  const std::size_t slices =
      feature_bytes * static_cast<std::size_t>(2 * slice_channels(feature_bytes) *
                                               slice_stride(tile, feature_bytes));
  return product > slices ? product : slices;
}

// Best, sum and index of every (key group, query column).
constexpr std::size_t partial_bytes(int tile) {
  return 3 * sizeof(float) * static_cast<std::size_t>(key_groups(tile) * tile);
}

// The ring holds 2 * radius values of every output element of the tile.
constexpr std::size_t shared_bytes(int tile, int out, int radius, std::size_t feature_bytes) {
  return product_bytes(tile, feature_bytes) + partial_bytes(tile) +
         sizeof(float) * static_cast<std::size_t>(2 * radius) * static_cast<std::size_t>(out * out);
}

// The same as constants: device code may use these, but not call the functions above.
template <int kTile>
struct Tile {
  static constexpr int kThreads = block_threads(kTile);
  // What the compiler leaves registers for: 16 warps, 128 registers a thread.
  static constexpr int kBlocks = 512 / kThreads;
  static constexpr int kGroups = key_groups(kTile);
  static constexpr int kProductStride = product_stride(kTile);
  static constexpr std::size_t kPartialBytes = partial_bytes(kTile);
};

template <typename Feature, int kTile>
struct Slice {
  static constexpr int kStride = slice_stride(kTile, sizeof(Feature));
  static constexpr int kChannels = slice_channels(sizeof(Feature));
  static constexpr std::size_t kProductBytes = product_bytes(kTile, sizeof(Feature));
};

}  // namespace petsgan::cuda
