// Sums of pixel products over a window, along the diagonal of one plane and across planes. Each sum
// is a tree of pairs: no term is ever subtracted, so nothing is lost when a bright area leaves the
// window.
#pragma once

#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

// out[f] = sum over |d| <= 3 of in[f + d * step], each sum a tree of pairs: no term is ever
// subtracted, so nothing is lost when a bright area leaves the window.
void sum_diagonals_7(const float* in, float* out, std::int64_t step, std::int64_t rows) {
  for (std::int64_t f = 0; f < step; f += kLanes) {
    const float* next = in + f + 3 * step;
    const auto at = [&](std::int64_t d) { return load(in + f + d * step); };
    Vec last = at(2);
    Vec p0 = at(-3) + at(-2), p1 = at(-2) + at(-1), p2 = at(-1) + at(0), p3 = at(0) + at(1);
    Vec p4 = at(1) + last;
    for (std::int64_t k = 0; k < rows; ++k, next += step) {
      const Vec fresh = load(next);
      store(out + f + k * step, (p0 + p2) + (p4 + fresh));
      p0 = p1, p1 = p2, p2 = p3, p3 = p4, p4 = last + fresh, last = fresh;
    }
  }
}

void sum_diagonals_any(const float* in, float* out, std::int64_t radius, std::int64_t step,
                       std::int64_t rows) {
  for (std::int64_t f = 0; f < rows * step; f += kLanes) {
    Vec sum = load(in + f);
    for (std::int64_t d = 1; d <= radius; ++d) {
      sum += load(in + f - d * step) + load(in + f + d * step);
    }
    store(out + f, sum);
  }
}

// Four rows of patch products at one place, from the planes of ten row pairs.
struct VerticalSum7 {
  const float* const* planes;
  void operator()(std::int64_t at, Vec out[kRows]) const {
    const auto plane = [&](int i) { return load(planes[i] + at); };
    const Vec middle = (plane(3) + plane(4)) + (plane(5) + plane(6));
    const Vec left = plane(1) + plane(2);
    const Vec right = plane(7) + plane(8);
    out[0] = middle + (left + plane(0));
    out[1] = middle + (left + plane(7));
    out[2] = middle + (right + plane(2));
    out[3] = middle + (right + plane(9));
  }
};

struct VerticalSumAny {
  const float* const* planes;
  std::int64_t window;
  void operator()(std::int64_t at, Vec out[kRows]) const {
    for (std::int64_t row = 0; row < kRows; ++row) {
      out[row] = load(planes[row] + at);
      for (std::int64_t i = 1; i < window; ++i) out[row] += load(planes[row + i] + at);
    }
  }
};

}  // namespace
}  // namespace petsgan
