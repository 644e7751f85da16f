// Which source pixels the pixels of a resized map are made of, along one axis.
#pragma once

#include <cstdint>
#include <vector>

#include "petsgan/resize_axis.h"

namespace petsgan {

// Target pixel i of the window is (b - a) * weight[i] + a, where a is pixel first[i] of the source
// window and b pixel second[i]. Where `copy` is set it is a alone, and the others are empty.
struct ResizeTable {
  bool copy = false;
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> second;
  std::vector<float> weight;
};

// Of an axis that was checked.
ResizeTable make_resize_table(const ResizeAxis& axis, bool wrap);

}  // namespace petsgan
