#include "cpu/resize_table.h"

#include <algorithm>

namespace petsgan {
namespace {

// Where a source pixel lies in the window.
std::int32_t place_of(const ResizeAxis& axis, bool wrap, std::int64_t pixel) {
  if (!wrap) {
    const std::int64_t clamped = std::clamp<std::int64_t>(pixel, 0, axis.source - 1);
    return static_cast<std::int32_t>(clamped - axis.origin);
  }
  const std::int64_t place = (pixel - axis.origin) % axis.source;
  return static_cast<std::int32_t>(place < 0 ? place + axis.source : place);
}

}  // namespace

ResizeTable make_resize_table(const ResizeAxis& axis, bool wrap) {
  const auto length = static_cast<std::size_t>(axis.length);
  ResizeTable table;
  table.copy = axis.source == axis.target;
  table.first.reserve(length);
  if (table.copy) {
    for (std::int64_t i = 0; i < axis.length; ++i) {
      table.first.push_back(place_of(axis, wrap, axis.start + i));
    }
    return table;
  }
  table.second.reserve(length);
  table.weight.reserve(length);
  const auto twice = static_cast<double>(2 * axis.target);
  for (std::int64_t i = 0; i < axis.length; ++i) {
    const auto [left, remainder] = resize_coordinate(axis, axis.start + i);
    table.first.push_back(place_of(axis, wrap, left));
    table.second.push_back(place_of(axis, wrap, left + 1));
    table.weight.push_back(static_cast<float>(static_cast<double>(remainder) / twice));
  }
  return table;
}

}  // namespace petsgan
