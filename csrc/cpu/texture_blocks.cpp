#include "cpu/texture_blocks.h"

#include <algorithm>
#include <limits>
#include <string>

#include "petsgan/errors.h"

namespace petsgan {

void check_texture_shape(const TextureTransferShape& shape) {
  if (shape.factor < 2 || shape.factor % 2 != 0) {
    throw ConfigError("texture_transfer: factor must be even and at least 2, got " +
                      std::to_string(shape.factor));
  }
  if (shape.batch < 0 || shape.height < 0 || shape.width < 0) {
    throw ShapeError("texture_transfer: index must have no negative size");
  }
  if (shape.source_height < 1 || shape.source_width < 1) {
    throw ShapeError("texture_transfer: texture must hold at least one block, got " +
                     std::to_string(shape.source_height) + " x " +
                     std::to_string(shape.source_width));
  }
}

std::vector<TextureBlock> read_texture_blocks(const TextureTransferShape& shape,
                                              const std::int32_t* index) {
  const std::int64_t limit = shape.source_height * shape.source_width;
  const std::int64_t map_size = shape.height * shape.width;
  // 32-bit division is several times faster; an index is below any width that is cut here.
  const auto width = static_cast<std::uint32_t>(
      std::min<std::int64_t>(shape.source_width, std::numeric_limits<std::uint32_t>::max()));
  std::vector<TextureBlock> blocks(static_cast<std::size_t>(shape.batch * map_size));
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (index[i] < 0 || index[i] >= limit) {
      const std::int64_t pixel = static_cast<std::int64_t>(i) % map_size;
      throw ShapeError("texture_transfer: index must be in [0, " + std::to_string(limit) +
                       "), got " + std::to_string(index[i]) + " at [" +
                       std::to_string(static_cast<std::int64_t>(i) / map_size) + ", " +
                       std::to_string(pixel / shape.width) + ", " +
                       std::to_string(pixel % shape.width) + "]");
    }
    const auto source = static_cast<std::uint32_t>(index[i]);
    blocks[i] = {static_cast<std::int32_t>(source / width),
                 static_cast<std::int32_t>(source % width)};
  }
  return blocks;
}

}  // namespace petsgan
