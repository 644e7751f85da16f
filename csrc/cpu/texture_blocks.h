// What the arguments of texture transfer are, checked.
#pragma once

#include <cstdint>
#include <vector>

#include "petsgan/texture_transfer.h"

namespace petsgan {

// Where a block of the texture lies, counted in blocks.
struct TextureBlock {
  std::int32_t y, x;
};

// Throws ShapeError or ConfigError for sizes that have no meaning.
void check_texture_shape(const TextureTransferShape& shape);

// The block that each pixel of the index map shows. Throws ShapeError for one outside the texture.
std::vector<TextureBlock> read_texture_blocks(const TextureTransferShape& shape,
                                              const std::int32_t* index);

}  // namespace petsgan
