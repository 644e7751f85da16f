// Bilinear resize of any window of a map, with the bits that the whole map would have there.
#pragma once

#include <cstdint>

namespace petsgan {

// One axis of a resize. With `wrap` positions may be any and are counted modulo the size.
struct ResizeAxis {
  std::int64_t source = 0;     // pixels of the whole source map, 1 to 2^30
  std::int64_t target = 0;     // pixels of the whole target map, 1 to 2^30
  std::int64_t start = 0;      // the first target pixel to make
  std::int64_t length = 0;     // target pixels to make, 1 to 2^30
  std::int64_t origin = 0;     // the source pixel that the given window begins with
  std::int64_t available = 0;  // source pixels in the given window, 1 to 2^30
};

struct ResizeShape {
  std::int64_t maps = 0;  // batch x channels
  ResizeAxis rows;
  ResizeAxis columns;
  bool wrap = false;  // both maps are tori; without it borders are clamped
};

// Half-pixel centres, no antialiasing: target pixel t lies at source coordinate
// (t + 0.5) * source / target - 0.5 and is (b - a) * w + a of the pixels a and b around it, first
// along rows, then along columns; along an axis of equal sizes it is a copy. w is the exact
// remainder of whole-map integers, rounded to float32 from double.
//
// `source` is [maps, rows.available, columns.available], `out` is [maps, rows.length,
// columns.length]. Uses up to `threads` threads; every count and every instruction set gives the
// same bits, and a window those of the whole.
// Throws ConfigError for sizes out of range, ShapeError for windows that are not within their maps
// and for a source window that lacks pixels, naming the axis.
void resize_window(const ResizeShape& shape, const float* source, int threads, float* out);

}  // namespace petsgan
