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
  AlignedBuffer<std::byte> keys;   // all rows of one image after the other, packed by the kernel
  std::vector<float> key_scale;    // [images][height][width], 1 / patch norm
  std::vector<float> values;       // [images][height][width][value_channels + 1], the last is 1

  std::int64_t plane() const { return shape.height * shape.width; }
  std::int64_t image_bytes() const {
    return shape.height * kernel->key_row_bytes(shape.channels, shape.width);
  }
};

}  // namespace petsgan
