// What a PatchReference holds.
#pragma once

#include <vector>

#include "common/aligned_buffer.h"
#include "cpu/patch_similarity.h"
#include "petsgan/patch_transfer.h"

namespace petsgan {

struct PackedReference {
  PatchReference::Shape shape;
  std::int64_t radius;
  const SimilarityKernel* kernel;  // the layout of `keys` is this kernel's
  AlignedBuffer<float> keys;
  std::vector<float> key_scale;  // [height][width], 1 / patch norm
  std::vector<float> values;     // [height][width][value_channels + 1], the last is 1
};

}  // namespace petsgan
