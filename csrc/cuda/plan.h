// How the similarity search is cut into blocks. A pure function of the sizes, the same for every
// device, so that the order of the sums, and the memory needed, do not depend on the GPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include "petsgan/cuda/patch_transfer.h"

namespace petsgan::cuda {

// A block owns `rows` x `out` queries of one image and visits every `splits`-th of the units. A
// unit is one tile of `out` key columns of one reference image along one diagonal: all pairs of a
// query row with the key row `delta` below it.
struct SimilarityPlan {
  std::int64_t channels;
  std::int64_t query_height, query_width;
  std::int64_t key_height, key_width;  // of one reference image
  std::int64_t rows;                   // query rows of a block
  std::int64_t row_chunks;             // of a query image
  std::int64_t query_tiles;            // column tiles of a query row
  std::int64_t key_tiles;              // column tiles of a key row
  std::int64_t diagonals;              // of one chunk of rows
  std::int64_t units;                  // reference images * key tiles * diagonals
  std::int64_t splits;                 // blocks that share the units of the same queries
  int radius_y, radius_x;              // of a patch, without what no pair of pixels can reach
  int tile;                            // side of the pixel product tile, 32 or 64
  int out;                             // side of the tile of finished patch products
  int shifts;                          // shifts along the diagonal that one product tile covers
  std::size_t shared_bytes;
};

SimilarityPlan plan_similarity(const PatchTransferShape& shape, FeatureType type);

inline std::size_t feature_bytes(FeatureType type) { return type == FeatureType::kFloat32 ? 4 : 2; }

// Blocks of one query image.
inline std::int64_t blocks_per_image(const SimilarityPlan& plan) {
  return plan.row_chunks * plan.query_tiles * plan.splits;
}

}  // namespace petsgan::cuda
