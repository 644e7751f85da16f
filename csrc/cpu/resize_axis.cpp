#include "cpu/resize_axis.h"

#include <algorithm>

#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 30;  // products of two stay below 2^62

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {  // b > 0
  return a / b - (a % b < 0 ? 1 : 0);
}
std::int64_t floor_modulo(std::int64_t a, std::int64_t b) {  // b > 0
  const std::int64_t remainder = a % b;
  return remainder < 0 ? remainder + b : remainder;
}

void check_range(std::int64_t value, const std::string& what) {
  if (value >= 1 && value <= kMaxSize) return;
  throw ConfigError(what + " must be 1 to " + std::to_string(kMaxSize) + ", got " +
                    std::to_string(value));
}

void check_span(std::int64_t start, std::int64_t length, std::int64_t size,
                const std::string& what) {
  if (start >= 0 && start <= size - length) return;
  throw ShapeError(what + " must lie within a map of " + std::to_string(size) + " pixels, got " +
                   std::to_string(length) + " from " + std::to_string(start) + " on");
}

// The source coordinate of a target pixel's centre, (t + 0.5) * source / target - 0.5, is
// numerator / (2 target).
std::int64_t numerator(const ResizeAxis& axis, std::int64_t pixel) {
  return (2 * pixel + 1) * axis.source - axis.target;
}

// Refuses a source window that lacks a pixel. Positions have been checked or reduced.
void check_window(const ResizeAxis& axis, bool wrap, const std::string& name) {
  if (wrap && axis.available >= axis.source) return;
  std::int64_t first = axis.start;
  std::int64_t last = axis.start + axis.length - 1;
  if (axis.source != axis.target) {
    first = floor_divide(numerator(axis, first), 2 * axis.target);
    last = floor_divide(numerator(axis, last), 2 * axis.target) + 1;
    if (!wrap) {
      first = std::max<std::int64_t>(0, first);
      last = std::min(axis.source - 1, last);
    }
  }
  const std::int64_t offset =
      wrap ? floor_modulo(first - axis.origin, axis.source) : first - axis.origin;
  if (offset >= 0 && offset <= axis.available - (last - first + 1)) return;
  throw ShapeError(name + ": source must hold pixels " + std::to_string(first) + " to " +
                   std::to_string(last) + " for this window, got " +
                   std::to_string(axis.available) + " from " + std::to_string(axis.origin) + " on");
}

}  // namespace

ResizeTable make_resize_table(const ResizeAxis& asked, bool wrap, const std::string& name) {
  ResizeAxis axis = asked;
  check_range(axis.source, name + ": size of the source");
  check_range(axis.target, name + ": size of the target");
  check_range(axis.length, name + ": length");
  check_range(axis.available, name + ": pixels of the source window");
  if (wrap) {
    axis.start = floor_modulo(axis.start, axis.target);
    axis.origin = floor_modulo(axis.origin, axis.source);
  } else {
    check_span(axis.start, axis.length, axis.target, name + ": window");
    check_span(axis.origin, axis.available, axis.source, name + ": source window");
  }
  check_window(axis, wrap, name);

  const auto place = [&](std::int64_t pixel) {
    const std::int64_t offset =
        wrap ? floor_modulo(pixel - axis.origin, axis.source)
             : std::clamp<std::int64_t>(pixel, 0, axis.source - 1) - axis.origin;
    return static_cast<std::int32_t>(offset);
  };
  ResizeTable table;
  table.copy = axis.source == axis.target;
  const auto length = static_cast<std::size_t>(axis.length);
  table.first.resize(length);
  if (!table.copy) {
    table.second.resize(length);
    table.weight.resize(length);
  }
  for (std::size_t i = 0; i < length; ++i) {
    const std::int64_t pixel = axis.start + static_cast<std::int64_t>(i);
    if (table.copy) {
      table.first[i] = place(pixel);
      continue;
    }
    const std::int64_t left = floor_divide(numerator(axis, pixel), 2 * axis.target);
    const std::int64_t remainder = numerator(axis, pixel) - left * 2 * axis.target;
    table.first[i] = place(left);
    table.second[i] = place(left + 1);
    table.weight[i] =
        static_cast<float>(static_cast<double>(remainder) / static_cast<double>(2 * axis.target));
  }
  return table;
}

}  // namespace petsgan
