// Bilinear resize of any window of a map, with the bits that the whole map would have there.
#pragma once

#include <cstdint>

#include "petsgan/resize_axis.h"

namespace petsgan {

struct ResizeShape {
  std::int64_t maps = 0;  // batch x channels
  ResizeAxis rows;
  ResizeAxis columns;
  bool wrap = false;  // both maps are tori; without it borders are clamped
};

// Half-pixel centres, no antialiasing: a target pixel is (b - a) * w + a of the two source pixels
// around its centre (see ResizeCoordinate), first along rows, then along columns; along an axis of
// equal sizes it is a copy. w is the remainder, rounded to float32 from double.
//
// `source` is [maps, rows.available, columns.available], `out` is [maps, rows.length,
// columns.length]. Uses up to `threads` threads; every count and every processor gives the same
// bits, and a window those of the whole. Throws as checked_resize_axis() does.
void resize_window(const ResizeShape& shape, const float* source, int threads, float* out);

}  // namespace petsgan
