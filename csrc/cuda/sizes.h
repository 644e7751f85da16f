// Checks of the sizes of a call, and how its buffers are laid out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/buffers.h"
#include "cuda/plan.h"
#include "petsgan/cuda/patch_transfer.h"

namespace petsgan::cuda {

// Refuses sizes that are out of range, or whose arrays could not be addressed.
void check_reference_sizes(const PatchTransferShape& shape);
void check_query_sizes(const PatchTransferShape& shape);

// Offsets in bytes within the buffer that pack_reference() fills.
struct PackedLayout {
  explicit PackedLayout(const PatchTransferShape& shape);

  std::size_t feature_summary = 0;  // MapSummary
  std::size_t value_summary = 0;    // MapSummary
  std::size_t scale = 0;            // float
  std::size_t inverse = 0;          // float [images, ref_height, ref_width]
  std::size_t energy = 0;           // double [images, ref_height, ref_width], scratch
  std::size_t size = 0;
};

// Offsets in bytes within the workspace, for `images` query images at a time.
struct WorkspaceLayout {
  WorkspaceLayout(const PatchTransferShape& shape, const SimilarityPlan& plan);

  std::int64_t images = 0;    // of one launch; a larger batch takes several
  std::size_t summaries = 0;  // MapSummary [images]
  std::size_t scales = 0;     // float [images]
  std::size_t inverse = 0;    // float [images, height, width]
  std::size_t energy = 0;     // double [images, height, width], scratch
  std::size_t best = 0;       // float [images, splits, height, width]
  std::size_t sum = 0;        // float [images, splits, height, width]
  std::size_t index = 0;      // int32 [images, splits, height, width]
  std::size_t size = 0;
};

}  // namespace petsgan::cuda
