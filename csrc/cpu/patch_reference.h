// What a PatchReference holds.
#pragma once

#include <vector>

#include "common/aligned_buffer.h"
#include "cpu/similarity/kernel.h"
#include "petsgan/patch_transfer.h"

namespace petsgan {

struct PackedReference {
  PatchReference::Shape shape;
  std::int64_t radius;
  const SimilarityKernel* kernel;  // the layout of `keys` is this kernel's
  AlignedBuffer<float> keys;       // of one image after the other, key_floats() each
  std::vector<float> key_scale;    // [images][height][width], 1 / patch norm
  std::vector<float> values;       // [images][height][width][value_channels + 1], the last is 1

  std::int64_t plane() const { return shape.height * shape.width; }
  std::int64_t key_floats() const { return shape.channels * plane(); }
};

}  // namespace petsgan
