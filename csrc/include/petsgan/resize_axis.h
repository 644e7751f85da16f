// One axis of a resize and what is refused of it. Inline, since the libraries of the CPU and of
// CUDA both check and neither links the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "petsgan/errors.h"

namespace petsgan {

// With `wrap` positions may be any and are counted modulo the size.
struct ResizeAxis {
  std::int64_t source = 0;     // pixels of the whole source map, 1 to 2^30
  std::int64_t target = 0;     // pixels of the whole target map, 1 to 2^30
  std::int64_t start = 0;      // the first target pixel to make
  std::int64_t length = 0;     // target pixels to make, 1 to 2^30
  std::int64_t origin = 0;     // the source pixel that the given window begins with
  std::int64_t available = 0;  // source pixels in the given window, 1 to 2^30
};

// The centre of target pixel t lies (t + 0.5) * source / target - 0.5 pixels behind the centre of
// the first source pixel. `left` is the floor of that and `remainder` / (2 target) the rest,
// exactly.
struct ResizeCoordinate {
  std::int64_t left;       // >= -1
  std::int64_t remainder;  // 0 to 2 target - 1
};

// For 0 <= pixel < 2^31: then the sizes, at most 2^30, keep all products below 2^62.
inline ResizeCoordinate resize_coordinate(const ResizeAxis& axis, std::int64_t pixel) {
  const std::int64_t twice = 2 * axis.target;
  // One pixel more, which is never negative, so that the quotient is the floor.
  const std::int64_t shifted = (2 * pixel + 1) * axis.source - axis.target + twice;
  return {shifted / twice - 1, shifted % twice};
}

// The same axis, with positions reduced to 0 <= position < size. `name` is the start of the
// messages. Throws ConfigError for sizes out of range, ShapeError for a window that is not within
// its map and for a source window that lacks pixels.
inline ResizeAxis checked_resize_axis(const ResizeAxis& axis, bool wrap, const std::string& name) {
  const auto check_size = [&](std::int64_t value, const char* what) {
    constexpr std::int64_t kMaxSize = std::int64_t{1} << 30;
    if (value >= 1 && value <= kMaxSize) return;
    throw ConfigError(name + ": " + what + " must be 1 to " + std::to_string(kMaxSize) + ", got " +
                      std::to_string(value));
  };
  check_size(axis.source, "size of the source");
  check_size(axis.target, "size of the target");
  check_size(axis.length, "length");
  check_size(axis.available, "pixels of the source window");

  const auto place = [&](std::int64_t position, std::int64_t count, std::int64_t size,
                         const char* what) {
    if (wrap) return (position % size + size) % size;
    if (position >= 0 && position <= size - count) return position;
    throw ShapeError(name + ": " + what + " must lie within a map of " + std::to_string(size) +
                     " pixels, got " + std::to_string(count) + " from " + std::to_string(position) +
                     " on");
  };
  ResizeAxis checked = axis;
  checked.start = place(axis.start, axis.length, axis.target, "window");
  checked.origin = place(axis.origin, axis.available, axis.source, "source window");
  if (wrap && axis.available >= axis.source) return checked;

  std::int64_t first = checked.start;
  std::int64_t last = checked.start + axis.length - 1;
  if (axis.source != axis.target) {
    first = resize_coordinate(axis, first).left;
    last = resize_coordinate(axis, last).left + 1;
  }
  if (!wrap) {
    first = std::max<std::int64_t>(0, first);
    last = std::min(axis.source - 1, last);
  }
  std::int64_t offset = first - checked.origin;
  if (wrap) offset = (offset % axis.source + axis.source) % axis.source;
  if (offset >= 0 && offset <= axis.available - (last - first + 1)) return checked;
  throw ShapeError(name + ": source must hold pixels " + std::to_string(first) + " to " +
                   std::to_string(last) + " for this window, got " +
                   std::to_string(axis.available) + " from " + std::to_string(checked.origin) +
                   " on");
}

}  // namespace petsgan
