// Sums of pixel products over a window, along the diagonal of one plane and across planes. Each sum
// is a tree of pairs: no term is ever subtracted, so nothing is lost when a bright area leaves the
// window.
#pragma once

#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

// out(k, q) = sum over |d| <= 3 of in(k + d, q + d). A vector walks down a band of diagonals and
// keeps what neighbouring sums share.
void sum_diagonals_7(const SimilarityTask& task, const float* in, float* out, std::int64_t stride) {
  const std::int64_t step = stride + 1;
  const std::int64_t keys = task.key_width, queries = task.query_width;
  for (std::int64_t band = -round_up(keys - 1); band < queries; band += kLanes) {
    const std::int64_t first = band + kLanes - 1 < 0 ? -(band + kLanes - 1) : 0;
    const std::int64_t end = keys < queries - band ? keys : queries - band;
    const float* from = in + band + first * step;
    const auto at = [&](std::int64_t d) { return load(from + d * step); };
    Vec last = at(2);
    Vec p0 = at(-3) + at(-2), p1 = at(-2) + at(-1), p2 = at(-1) + at(0), p3 = at(0) + at(1);
    Vec p4 = at(1) + last;
#pragma GCC unroll 6
    for (std::int64_t k = first; k < end; ++k, from += step) {
      const Vec fresh = at(3);
      store(out + band + k * stride, (p0 + p2) + (p4 + fresh));
      p0 = p1, p1 = p2, p2 = p3, p3 = p4, p4 = last + fresh, last = fresh;
    }
  }
}

void sum_diagonals_any(const SimilarityTask& task, const float* in, float* out,
                       std::int64_t stride) {
  for (std::int64_t k = 0; k < task.key_width; ++k) {
    for (std::int64_t x = 0; x < task.padded_width; x += kLanes) {
      const float* from = in + k * stride + x;
      Vec sum = load(from);
      for (std::int64_t d = 1; d <= task.radius; ++d) {
        sum += load(from - d * (stride + 1)) + load(from + d * (stride + 1));
      }
      store(out + k * (stride - 1) + x, sum);
    }
  }
}

void sum_diagonals(const SimilarityTask& task, const float* in, float* out, std::int64_t stride) {
  if (task.radius == 3) {
    sum_diagonals_7(task, in, out, stride);
  } else {
    sum_diagonals_any(task, in, out, stride);
  }
}

// Rows (4 or 8) of patch products at one place, from the planes of Rows + 6 row pairs.
template <int Rows>
struct VerticalSum7 {
  static constexpr int kCount = Rows;
  const float* const* planes;

  void operator()(std::int64_t at, Vec out[Rows]) const {
    const auto plane = [&](int i) { return load(planes[i] + at); };
    Vec left = plane(1) + plane(2), inner = plane(5) + plane(6);
    Vec middle = (plane(3) + plane(4)) + inner;
#pragma GCC unroll 2
    for (int r = 0; r < Rows; r += 4) {
      const Vec right = plane(r + 7) + plane(r + 8);
      out[r] = middle + (left + plane(r));
      out[r + 1] = middle + (left + plane(r + 7));
      out[r + 2] = middle + (right + plane(r + 2));
      out[r + 3] = middle + (right + plane(r + 9));
      if (r + 4 == Rows) break;
      left = inner;
      middle = right + (plane(r + 9) + plane(r + 10));
    }
  }
};

struct VerticalSumAny {
  static constexpr int kCount = kRows;
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
