// Where the planes of row pairs lie in scratch memory.
//
// A plane holds one number for each (key column, query column). In the plane of products the rows
// of all query columns of one key are `stride` floats apart, a multiple of the vector size. What
// lies between and around them is 0: pixels outside the maps.
// In a summed plane the rows are `stride - 1` floats apart: a step down a diagonal (next key, next
// query) is a jump of `stride` floats, so that the vectors of a diagonal are stored aligned. It is
// loads of other vectors that cross cache lines then, which costs less than stores that do. Between
// the rows lies anything finite.
#pragma once

#include "cpu/similarity/kernel.h"
#include "cpu/similarity/vector.h"

namespace petsgan {
namespace {

// Query rows that are finished together: more where there are 32 registers than where there are 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::int64_t kRows = 8;
#else
constexpr std::int64_t kRows = 4;
#endif
constexpr std::int64_t kKeyBlock = 32;  // key columns between two updates of the running sum

constexpr std::int64_t round_up(std::int64_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

struct Layout {
  std::int64_t stride;  // floats from one key to the next in the plane of products
  std::int64_t plane;   // floats of one plane
  std::int64_t margin;  // floats of zeros before and after the plane of products
  std::int64_t ring;    // planes in the ring

  explicit Layout(const SimilarityTask& task) {
    // A vector of a diagonal may begin kLanes - 1 columns before its row, and end so far behind it.
    const std::int64_t between = task.radius > kLanes ? task.radius : kLanes;
    stride = round_up(task.query_width + between);
    plane = (task.key_width + 15) / 16 * 16 * stride;  // a product may write rows of zeros more
    margin = task.radius * stride + round_up(task.radius + kLanes);
    ring = 2 * task.radius + kRows;
  }
};

struct Scratch {
  const float* zeros;  // one plane
  float* products;     // one plane with margins
  float* ring;         // planes
  float* strip;        // [kRows][kKeyBlock][kLanes] scores

  Scratch(const Layout& layout, float* base) {
    zeros = base;
    products = base + layout.plane + layout.margin;
    ring = products + layout.plane + layout.margin;
    strip = ring + layout.ring * layout.plane + kLanes;
  }
};

std::int64_t scratch_size(const SimilarityTask& task) {
  const Layout layout(task);
  return (2 + layout.ring) * layout.plane + 2 * layout.margin + kLanes + kRows * kKeyBlock * kLanes;
}

}  // namespace
}  // namespace petsgan
