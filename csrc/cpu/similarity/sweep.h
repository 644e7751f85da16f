// The body of every <instruction set>.cpp, which defines PETSGAN_LANES and PETSGAN_KERNEL, and
// includes the header of its products first. Everything has internal linkage (see vector.h).
//
// Lanes are neighbouring queries of one row; the loops run over keys, so that maximum, sum and
// index are plain vector operations. For one diagonal (key row - query row is fixed) the row pairs
// are visited in order. A pair gives a plane of pixel products, which is summed along its diagonal.
// The last planes are kept in a ring; four rows of patch products come from window + 3 of them, and
// go at once into the running maximum and sum.
#include "cpu/similarity/box_sums.h"
#include "cpu/similarity/peak.h"
#include "cpu/similarity/plane_layout.h"
#include "cpu/similarity/running_softmax.h"

namespace petsgan {
namespace {

// Finishes `rows` <= VerticalSum::kCount neighbouring row pairs, the first of them (query_row,
// key_row).
template <typename VerticalSum>
void score_rows(const SimilarityTask& task, const Layout& layout, const VerticalSum& vertical_sum,
                std::int64_t query_row, std::int64_t key_row, std::int64_t rows, float* strip) {
  constexpr int kCount = VerticalSum::kCount;
  const float* scale[kCount];
  for (std::int64_t r = 0; r < kCount; ++r) {
    scale[r] = task.key_scale + (key_row + (r < rows ? r : 0)) * task.key_width;
  }
  constexpr std::int64_t kStrip = kKeyBlock * kLanes;
  for (std::int64_t x = 0; x < task.padded_width; x += kLanes) {
    for (std::int64_t key = 0; key < task.key_width; key += kKeyBlock) {
      const std::int64_t left = task.key_width - key;
      const std::int64_t count = left < kKeyBlock ? left : kKeyBlock;
      Vec top[kCount];
      for (Vec& row : top) row = splat(kNoScore);
      for (std::int64_t k = 0; k < count; ++k) {
        Vec score[kCount];
        vertical_sum((key + k) * (layout.stride - 1) + x, score);
#pragma GCC unroll 8
        for (std::int64_t r = 0; r < kCount; ++r) {
          score[r] *= splat(scale[r][key + k]);
          top[r] = max(score[r], top[r]);
          store(strip + r * kStrip + k * kLanes, score[r]);
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        update(task, (query_row + r) * task.padded_width + x, strip + r * kStrip, top[r], count,
               task.first_index + (key_row + r) * task.key_width + key);
      }
    }
  }
}

void run_diagonal(const SimilarityTask& task, const Layout& layout, const Scratch& scratch,
                  const float** planes, std::int64_t delta) {
  const std::int64_t first_query = delta < 0 ? -delta : 0;
  const std::int64_t end_query =
      task.query_height < task.key_height - delta ? task.query_height : task.key_height - delta;
  const std::int64_t pairs = end_query - first_query;
  const std::int64_t radius = task.radius;
  std::int64_t computed = 0;
  for (std::int64_t t = 0; t < pairs; t += kRows) {
    for (; computed < pairs && computed < t + kRows + radius; ++computed) {
      const std::int64_t query_row = first_query + computed;
      float* plane = scratch.ring + computed % layout.ring * layout.plane;
      multiply_rows(task, layout, query_row, query_row + delta, scratch.products);
      sum_diagonals(task, scratch.products, plane, layout.stride);
    }
    for (std::int64_t i = 0; i < 2 * radius + kRows; ++i) {
      const std::int64_t pair = t - radius + i;
      const bool outside = pair < 0 || pair >= pairs;
      planes[i] = outside ? scratch.zeros : scratch.ring + pair % layout.ring * layout.plane;
    }
    const std::int64_t rows = pairs - t < kRows ? pairs - t : kRows;
    const std::int64_t query_row = first_query + t;
    if (radius == 3 && rows <= 4) {
      score_rows(task, layout, VerticalSum7<4>{planes}, query_row, query_row + delta, rows,
                 scratch.strip);
    } else if (radius == 3) {
      score_rows(task, layout, VerticalSum7<kRows>{planes}, query_row, query_row + delta, rows,
                 scratch.strip);
    } else {
      score_rows(task, layout, VerticalSumAny{planes, 2 * radius + 1}, query_row, query_row + delta,
                 rows, scratch.strip);
    }
  }
}

void run(const SimilarityTask& task) {
  [[maybe_unused]] const ProductUnit unit;
  const Layout layout(task);
  const Scratch scratch(layout, task.scratch);
  for (std::int64_t delta = task.first_diagonal; delta < task.last_diagonal; ++delta) {
    run_diagonal(task, layout, scratch, task.planes, delta);
  }
}

}  // namespace

const SimilarityKernel PETSGAN_KERNEL = {
    kLanes,       kRows, query_row_bytes, pack_query_row,   key_row_bytes, pack_key_row,
    scratch_size, run,   merge,           multiply_add_loop};

}  // namespace petsgan
