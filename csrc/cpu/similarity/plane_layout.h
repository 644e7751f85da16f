// Where the planes of one row pair lie in scratch memory.
//
// A plane holds one number for each (key column, query column). Its rows are `step - 1` floats
// apart, so that one step along the diagonal (key column + 1, query column + 1) is a jump of `step`
// floats, a multiple of the vector size: a diagonal sum is a strided filter over a flat array.
// Zeros between and around the rows stand for pixels outside the map.
#pragma once

#include "cpu/similarity/kernel.h"
#include "cpu/similarity/vector.h"

namespace petsgan {
namespace {

constexpr std::int64_t kRows = 4;       // query rows finished together
constexpr std::int64_t kKeyBlock = 64;  // key columns between two updates of the running sum

struct Layout {
  std::int64_t step;        // floats from (k, q) to (k + 1, q + 1)
  std::int64_t row_stride;  // step - 1
  std::int64_t plane;       // floats of one summed plane
  std::int64_t margin;      // floats of zeros before and after the product plane
  std::int64_t ring;        // planes in the ring

  explicit Layout(const SimilarityTask& task) {
    const std::int64_t with_zeros = task.query_width + task.radius;
    const std::int64_t columns = task.padded_width > with_zeros ? task.padded_width : with_zeros;
    step = (columns + 1 + kLanes - 1) / kLanes * kLanes;
    row_stride = step - 1;
    plane = task.key_width * step;
    margin = task.radius * step;
    ring = 2 * task.radius + kRows;
  }
};

struct Scratch {
  const float* zeros;  // one plane
  float* products;     // one plane with margins
  float* ring;
  float* strip;  // [kRows][kKeyBlock][kLanes] scores

  Scratch(const Layout& layout, float* base) {
    zeros = base;
    products = base + layout.plane + layout.margin;
    ring = products + layout.plane + layout.margin;
    strip = ring + layout.ring * layout.plane;
  }
};

std::int64_t scratch_size(const SimilarityTask& task) {
  const Layout layout(task);
  return (2 + layout.ring) * layout.plane + 2 * layout.margin + kRows * kKeyBlock * kLanes;
}

}  // namespace
}  // namespace petsgan
