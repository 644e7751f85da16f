// The body of every patch_similarity_<instruction set>.cpp, which defines PETSGAN_LANES,
// PETSGAN_MAX_TILE and PETSGAN_KERNEL first. Everything has internal linkage (see simd_vector.h).
//
// Lanes are neighbouring queries of one row; the loops run over keys, so that maximum, sum and
// index are plain vector operations. For one diagonal (key row - query row is fixed) the row pairs
// are visited in order. A pair gives a plane of pixel products [key column][query column] (a small
// GEMM over the channels). Its rows are `step - 1` floats apart, so that one step along the
// diagonal of the plane (key column + 1, query column + 1) is a jump of `step` floats, a multiple
// of the vector size: the diagonal sum is a strided filter over a flat array. Zeros between and
// around the rows stand for pixels outside the map. The last planes are kept in a ring, four rows
// of patch products come from window + 3 of them, and go at once into the running maximum and sum.
#include "cpu/patch_similarity.h"
#include "cpu/simd_vector.h"

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

// out[key][query] = sum over channels; keys [channels][Tile], query Vectors x [channels][lanes].
template <int Tile, int Vectors>
void multiply_tile(const float* keys, const float* query, std::int64_t channels, float* out,
                   std::int64_t row_stride) {
  Vec sum[Tile][Vectors] = {};
  for (std::int64_t c = 0; c < channels; ++c) {
    Vec q[Vectors];
#pragma GCC unroll 2
    for (int j = 0; j < Vectors; ++j) q[j] = load(query + (j * channels + c) * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Tile; ++i) {
      const Vec key = splat(keys[c * Tile + i]);
#pragma GCC unroll 2
      for (int j = 0; j < Vectors; ++j) sum[i][j] += key * q[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Tile; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < Vectors; ++j) store(out + i * row_stride + j * kLanes, sum[i][j]);
  }
}

using MultiplyTile = void (*)(const float*, const float*, std::int64_t, float*, std::int64_t);

template <int Vectors>
MultiplyTile multiply_for(std::int64_t tile) {
  static constexpr MultiplyTile kTable[] = {
      multiply_tile<1, Vectors>,  multiply_tile<2, Vectors>,  multiply_tile<3, Vectors>,
      multiply_tile<4, Vectors>,  multiply_tile<5, Vectors>,  multiply_tile<6, Vectors>,
#if PETSGAN_MAX_TILE > 6
      multiply_tile<7, Vectors>,  multiply_tile<8, Vectors>,  multiply_tile<9, Vectors>,
      multiply_tile<10, Vectors>, multiply_tile<11, Vectors>, multiply_tile<12, Vectors>,
#endif
  };
  return kTable[tile - 1];
}

void multiply_rows(const SimilarityTask& task, const Layout& layout, std::int64_t query_row,
                   std::int64_t key_row, float* products) {
  const float* query = task.query + query_row * task.padded_width * task.channels;
  const float* keys = task.keys + key_row * task.key_width * task.channels;
  const std::int64_t num_tiles = (task.key_width + PETSGAN_MAX_TILE - 1) / PETSGAN_MAX_TILE;
  for (std::int64_t t = 0; t < num_tiles; ++t) {
    const KeyTile tile = key_tile(t, num_tiles, task.key_width);
    float* out = products + tile.start * layout.row_stride;
    std::int64_t x = 0;
    for (; x + 2 * kLanes <= task.padded_width; x += 2 * kLanes) {
      multiply_for<2>(tile.size)(keys + tile.start * task.channels, query + x * task.channels,
                                 task.channels, out + x, layout.row_stride);
    }
    if (x < task.padded_width) {
      multiply_for<1>(tile.size)(keys + tile.start * task.channels, query + x * task.channels,
                                 task.channels, out + x, layout.row_stride);
    }
  }
}

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

// Takes the scores of `count` keys from the strip into the running state of one query vector.
void update(const SimilarityTask& task, std::int64_t at, const float* strip, Vec top,
            std::int64_t count, std::int64_t first_key) {
  const Vec best = load(task.state.best + at);
  if (!any_greater(top, best - load(task.cutoff + at))) return;
  const Vec new_best = max(best, top);
  if (any_greater(top, best)) {
    const IntVec improved = top > best;
    IntVec index = load(task.state.index + at);
    for (std::int64_t k = count - 1; k >= 0; --k) {
      const IntVec here = (load(strip + k * kLanes) == top) & improved;
      index = here ? splat_int(static_cast<std::int32_t>(first_key + k)) : index;
    }
    store(task.state.index + at, index);
    store(task.state.best + at, new_best);
  }
  if (!task.soft) return;
  const Vec steepness = load(task.steepness + at);
  Vec sum = load(task.state.sum + at) * exp2_nonpositive((best - new_best) * steepness);
  for (std::int64_t k = 0; k < count; ++k) {
    sum += exp2_nonpositive((load(strip + k * kLanes) - new_best) * steepness);
  }
  store(task.state.sum + at, sum);
}

// Finishes `rows` <= 4 neighbouring row pairs, the first of them (query_row, key_row).
template <typename VerticalSum>
void score_rows(const SimilarityTask& task, const Layout& layout, const VerticalSum& vertical_sum,
                std::int64_t query_row, std::int64_t key_row, std::int64_t rows, float* strip) {
  const float* scale[kRows];
  for (std::int64_t r = 0; r < kRows; ++r) {
    scale[r] = task.key_scale + (key_row + (r < rows ? r : 0)) * task.key_width;
  }
  constexpr std::int64_t kStrip = kKeyBlock * kLanes;
  for (std::int64_t x = 0; x < task.padded_width; x += kLanes) {
    for (std::int64_t key = 0; key < task.key_width; key += kKeyBlock) {
      const std::int64_t left = task.key_width - key;
      const std::int64_t count = left < kKeyBlock ? left : kKeyBlock;
      Vec top[kRows] = {splat(kNoScore), splat(kNoScore), splat(kNoScore), splat(kNoScore)};
      for (std::int64_t k = 0; k < count; ++k) {
        Vec score[kRows];
        vertical_sum((key + k) * layout.row_stride + x, score);
#pragma GCC unroll 4
        for (std::int64_t r = 0; r < kRows; ++r) {
          score[r] *= splat(scale[r][key + k]);
          top[r] = max(score[r], top[r]);
          store(strip + r * kStrip + k * kLanes, score[r]);
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        update(task, (query_row + r) * task.padded_width + x, strip + r * kStrip, top[r], count,
               (key_row + r) * task.key_width + key);
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
      if (radius == 3) {
        sum_diagonals_7(scratch.products, plane, layout.step, task.key_width);
      } else {
        sum_diagonals_any(scratch.products, plane, radius, layout.step, task.key_width);
      }
    }
    for (std::int64_t i = 0; i < 2 * radius + kRows; ++i) {
      const std::int64_t pair = t - radius + i;
      const bool outside = pair < 0 || pair >= pairs;
      planes[i] = outside ? scratch.zeros : scratch.ring + pair % layout.ring * layout.plane;
    }
    const std::int64_t rows = pairs - t < kRows ? pairs - t : kRows;
    const std::int64_t query_row = first_query + t;
    if (radius == 3) {
      score_rows(task, layout, VerticalSum7{planes}, query_row, query_row + delta, rows,
                 scratch.strip);
    } else {
      score_rows(task, layout, VerticalSumAny{planes, 2 * radius + 1}, query_row, query_row + delta,
                 rows, scratch.strip);
    }
  }
}

void run(const SimilarityTask& task) {
  const Layout layout(task);
  const Scratch scratch(layout, task.scratch);
  for (std::int64_t delta = task.first_diagonal; delta < task.last_diagonal; ++delta) {
    run_diagonal(task, layout, scratch, task.planes, delta);
  }
}

void merge(const MatchState& into, const MatchState& from, const float* steepness,
           std::int64_t count) {
  for (std::int64_t at = 0; at < count; at += kLanes) {
    const Vec best_a = load(into.best + at), best_b = load(from.best + at);
    const IntVec index_a = load(into.index + at), index_b = load(from.index + at);
    const Vec best = max(best_a, best_b);
    const Vec k = load(steepness + at);
    store(into.best + at, best);
    store(into.sum + at, load(into.sum + at) * exp2_nonpositive((best_a - best) * k) +
                             load(from.sum + at) * exp2_nonpositive((best_b - best) * k));
    // Of two equal scores the lower index, as in the numpy twin.
    const IntVec take_b = (best_b > best_a) | ((best_b == best_a) & (index_b < index_a));
    store(into.index + at, take_b ? index_b : index_a);
  }
}

}  // namespace

const SimilarityKernel PETSGAN_KERNEL = {kLanes, PETSGAN_MAX_TILE, scratch_size, run, merge};

}  // namespace petsgan
