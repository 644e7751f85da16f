// Carries full-resolution texture along correspondences found at low resolution.
#pragma once

#include <cstdint>

namespace petsgan {

// Sizes of one call. Low-resolution maps are `factor` times smaller than images, per axis.
struct TextureTransferShape {
  std::int64_t batch = 0;
  std::int64_t height = 0;         // of the index map
  std::int64_t width = 0;          // of the index map
  std::int64_t source_height = 0;  // of the texture at low resolution
  std::int64_t source_width = 0;   // of the texture at low resolution
  std::int64_t factor = 0;         // even, >= 2
};

// Overlapped block motion compensation: pixel (y, x) of `out` is the mean, weighted by a raised
// cosine over 2 factor x 2 factor, of the texture seen through the at most four blocks whose window
// covers it. Votes from outside the texture are dropped and the weights renormalised.
//
// `index` is [batch, height, width], sy * source_width + sx of the block that each block shows;
// `texture` is [3, source_height * factor, source_width * factor];
// `out` is [batch, 3, height * factor, width * factor].
// Uses up to `threads` threads; every count gives the same bits.
// Throws ShapeError (sizes; an index out of range, naming its position) and ConfigError.
void texture_transfer(const TextureTransferShape& shape, const std::int32_t* index,
                      const float* texture, int threads, float* out);

}  // namespace petsgan
