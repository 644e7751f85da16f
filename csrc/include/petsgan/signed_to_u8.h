// The last step of sampling: a signed planar canvas to interleaved bytes, cropped.
#pragma once

#include <cstdint>

namespace petsgan {

// `pixels` is [3, height, width] float32, values in [-1, 1].
struct SignedCanvas {
  std::int64_t height = 0;
  std::int64_t width = 0;
  const float* pixels = nullptr;
};

// Writes the upper left `height` x `width` pixels of the canvas to `out`, [height, width, 3]:
// floor(127.5 x + 128) in float32, cut to 0..255. `threads` is the most to use; the result does not
// depend on it. Throws ShapeError for a crop larger than the canvas, InputError for a value in it
// that is not finite.
void signed_to_u8(const SignedCanvas& canvas, std::int64_t height, std::int64_t width, int threads,
                  std::uint8_t* out);

}  // namespace petsgan
