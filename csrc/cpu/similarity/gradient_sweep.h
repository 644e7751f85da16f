// The body of every gradient_<instruction set>.cpp, which defines PETSGAN_LANES and PETSGAN_KERNEL,
// and includes the header of its products first. Everything has internal linkage (see vector.h).
//
// A pair of pixels takes part in every pair of patches that holds it at the same place, so what
// reaches it is the sum of those patches' gradients over the window: the diagonal box sum that made
// patch products of pixel products is its own adjoint. One diagonal is a pipeline of rows: products
// of pixels, summed to scores; scores, turned into gradients of patch products; these, summed the
// same way a few rows behind; and their product with the keys, which adds to the query's gradient.
#include "cpu/similarity/box_sums.h"
#include "cpu/similarity/gradient_kernel.h"
#include "cpu/similarity/plane_layout.h"

namespace petsgan {
namespace {

// Where the stages keep their rows, after the scratch memory of the forward sweep.
struct Stages {
  std::int64_t lag;        // rows between making gradients and finishing them
  std::int64_t ring_size;  // planes that the rows being finished and being made span
  std::int64_t plane;      // floats of one plane before it is summed, margins included
  std::int64_t raw;        // offset of [kRows] such planes, zero outside the maps
  std::int64_t ring;       // of planes summed along the diagonal
  std::int64_t pixels;     // of [kRows][padded_width / kLanes][key_width][kLanes], fully summed
  std::int64_t product;    // of [channels][padded_width]
  std::int64_t size;

  Stages(const SimilarityTask& task, const Layout& layout)
      : lag((task.radius + kRows - 1) / kRows * kRows),
        ring_size(lag + kRows + task.radius),
        plane(layout.plane + 2 * layout.margin),
        raw(scratch_size(task) + layout.margin),
        ring(raw + kRows * plane - layout.margin),
        pixels(ring + ring_size * layout.plane + kLanes),
        product(pixels + kRows * task.padded_width * task.key_width),
        size(product + task.channels * task.padded_width) {}
};

std::int64_t gradient_scratch_size(const SimilarityTask& task) {
  return Stages(task, Layout(task)).size;
}

std::int64_t gradient_num_planes(const SimilarityTask& task) {
  const Layout layout(task);
  return layout.ring + layout.ring + Stages(task, layout).ring_size;
}

// Tiles of channels as [column][tile]: pack_key_row() with channels and columns exchanged.
void pack_channel_row(const FeatureMap& map, float scale, std::int64_t row, std::byte* packed) {
  auto* to = reinterpret_cast<float*>(packed);
  for (std::int64_t t = 0; t < num_key_tiles(map.channels); ++t) {
    const Columns tile = key_tile(t, map.channels);
    for (std::int64_t x = 0; x < map.width; ++x) {
      for (std::int64_t c = tile.start; c < tile.start + tile.used; ++c) {
        *to++ = map.features[(c * map.height + row) * map.width + x] * scale;
      }
    }
  }
}

// One diagonal of one image.
class DiagonalGradient {
 public:
  DiagonalGradient(const GradientTask& task, std::int64_t delta)
      : task_(task),
        match_(task.match),
        layout_(task.match),
        stages_(task.match, layout_),
        scratch_(layout_, task.match.scratch),
        forward_(task.match.planes),
        backward_(forward_ + layout_.ring),
        made_(backward_ + layout_.ring),
        delta_(delta),
        first_query_(delta < 0 ? -delta : 0) {
    const std::int64_t end = match_.key_height - delta;
    pairs_ = (match_.query_height < end ? match_.query_height : end) - first_query_;
  }

  void run() {
    for (std::int64_t t = 0; t - stages_.lag < pairs_; t += kRows) {
      if (t < pairs_) make_gradients(t);
      if (t >= stages_.lag) finish(t - stages_.lag);
    }
  }

 private:
  // From one key to the next, before and after the sum along the diagonal.
  std::int64_t flat_stride() const { return layout_.stride; }
  std::int64_t summed_stride() const { return layout_.stride - 1; }

  std::int64_t rows_from(std::int64_t t) const { return pairs_ - t < kRows ? pairs_ - t : kRows; }

  // Calls use() with what sums `planes` over the window, for so many rows.
  template <typename Use>
  void with_vertical_sum(const float* const* planes, std::int64_t rows, const Use& use) const {
    if (match_.radius == 3 && rows <= 4) {
      use(VerticalSum7<4>{planes});
    } else if (match_.radius == 3) {
      use(VerticalSum7<kRows>{planes});
    } else {
      use(VerticalSumAny{planes, 2 * match_.radius + 1});
    }
  }

  // Planes of summed gradients of the row pairs from t on.
  void make_gradients(std::int64_t t) {
    const std::int64_t radius = match_.radius;
    for (; computed_ < pairs_ && computed_ < t + kRows + radius; ++computed_) {
      const std::int64_t row = first_query_ + computed_;
      multiply_rows(match_, layout_, row, row + delta_, scratch_.products);
      sum_diagonals(match_, scratch_.products, ring_plane(computed_), layout_.stride);
    }
    for (std::int64_t i = 0; i < layout_.ring; ++i) {
      const std::int64_t pair = t - radius + i;
      forward_[i] = pair < 0 || pair >= pairs_ ? scratch_.zeros : ring_plane(pair);
    }
    bool active[kRows] = {};
    with_vertical_sum(forward_, rows_from(t), [&](const auto& sum) { respond(sum, t, active); });
    for (std::int64_t r = 0; r < rows_from(t); ++r) {
      active[r] |= set_best(t + r, raw(r));
      const std::int64_t slot = (t + r) % stages_.ring_size;
      float* summed = match_.scratch + stages_.ring + slot * layout_.plane;
      made_[slot] = active[r] ? summed : scratch_.zeros;
      if (active[r]) sum_diagonals(match_, raw(r), summed, layout_.stride);
    }
  }

  float* ring_plane(std::int64_t pair) const {
    return scratch_.ring + pair % layout_.ring * layout_.plane;
  }

  float* raw(std::int64_t r) const { return match_.scratch + stages_.raw + r * stages_.plane; }

  // Scores of the row pairs from t on, and what each says about its patch product.
  template <typename VerticalSum>
  void respond(const VerticalSum& sum, std::int64_t t, bool active[kRows]) {
    constexpr int kCount = VerticalSum::kCount;
    constexpr std::int64_t kStrip = kKeyBlock * kLanes;
    const std::int64_t rows = rows_from(t);
    const float* scale[kCount];
    for (std::int64_t r = 0; r < kCount; ++r) scale[r] = key_scale(t + (r < rows ? r : 0));
    for (std::int64_t x = 0; x < match_.padded_width; x += kLanes) {
      for (std::int64_t key = 0; key < match_.key_width; key += kKeyBlock) {
        const std::int64_t left = match_.key_width - key;
        const std::int64_t count = left < kKeyBlock ? left : kKeyBlock;
        Vec top[kCount];
        for (Vec& row : top) row = splat(kNoScore);
        for (std::int64_t k = 0; k < count; ++k) {
          Vec score[kCount];
          sum((key + k) * summed_stride() + x, score);
#pragma GCC unroll 8
          for (std::int64_t r = 0; r < kCount; ++r) {
            score[r] *= splat(scale[r][key + k]);
            top[r] = max(score[r], top[r]);
            store(scratch_.strip + r * kStrip + k * kLanes, score[r]);
          }
        }
        for (std::int64_t r = 0; r < rows; ++r) {
          active[r] |= respond_to_strip(scratch_.strip + r * kStrip, top[r], t + r, x, key, count,
                                        raw(r) + key * flat_stride() + x);
        }
      }
    }
  }

  const float* key_scale(std::int64_t pair) const {
    return match_.key_scale + (first_query_ + pair + delta_) * match_.key_width;
  }

  bool respond_to_strip(const float* scores, Vec top, std::int64_t pair, std::int64_t x,
                        std::int64_t key, std::int64_t count, float* out) const {
    const std::int64_t at = (first_query_ + pair) * match_.padded_width + x;
    const Vec best = load(task_.best + at);
    if (!any_greater(top, best - load(match_.cutoff + at))) {
      for (std::int64_t k = 0; k < count; ++k) store(out + k * flat_stride(), Vec{});
      return false;
    }
    const Vec steepness = load(match_.steepness + at), spread = load(task_.spread + at);
    const float* scale = key_scale(pair) + key;
    Vec excess = load(task_.excess + at);
    for (std::int64_t k = 0; k < count; ++k) {
      // Rounding can put the best score itself a little above `best`.
      const Vec below = max(best - load(scores + k * kLanes), Vec{});
      const Vec e = exp2_nonpositive(-below * steepness);
      excess += e * below;
      store(out + k * flat_stride(), -(spread * e) * splat(scale[k]));
    }
    store(task_.excess + at, excess);
    return true;
  }

  bool set_best(std::int64_t pair, float* out) const {
    const std::int64_t row = (first_query_ + pair) * match_.padded_width;
    const std::int64_t first =
        match_.first_index + (first_query_ + pair + delta_) * match_.key_width;
    bool any = false;
    for (std::int64_t x = 0; x < match_.query_width; ++x) {
      const std::int64_t key = task_.index[row + x] - first;
      if (key < 0 || key >= match_.key_width) continue;
      out[key * flat_stride() + x] = task_.at_best[row + x] * key_scale(pair)[key];
      any = true;
    }
    return any;
  }

  // Adds what the row pairs from u on of pixels say to the sums of their queries.
  void finish(std::int64_t u) {
    const std::int64_t radius = match_.radius;
    std::int64_t last = -1;
    for (std::int64_t i = 0; i < layout_.ring; ++i) {
      const std::int64_t pair = u - radius + i;
      const bool outside = pair < 0 || pair >= pairs_;
      backward_[i] = outside ? scratch_.zeros : made_[pair % stages_.ring_size];
      if (backward_[i] != scratch_.zeros) last = i;
    }
    if (last < 0) return;
    float* pixels = match_.scratch + stages_.pixels;
    const std::int64_t row_size = match_.padded_width * match_.key_width;
    with_vertical_sum(backward_, rows_from(u), [&](const auto& sum) { sum_pixels(sum, pixels); });
    for (std::int64_t r = 0; r < rows_from(u); ++r) {
      add_product(pixels + r * row_size, first_query_ + u + r);
    }
  }

  template <typename VerticalSum>
  void sum_pixels(const VerticalSum& sum, float* pixels) const {
    constexpr int kCount = VerticalSum::kCount;
    const std::int64_t row_size = match_.padded_width * match_.key_width;
    for (std::int64_t x = 0; x < match_.padded_width; x += kLanes) {
      for (std::int64_t k = 0; k < match_.key_width; ++k) {
        Vec total[kCount];
        sum(k * summed_stride() + x, total);
        float* out = pixels + x * match_.key_width + k * kLanes;
#pragma GCC unroll 8
        for (std::int64_t r = 0; r < kCount; ++r) store(out + r * row_size, total[r]);
      }
    }
  }

  // sums[channel][query] += sum over keys: the forward product with keys in the place of channels.
  void add_product(const float* pixels, std::int64_t query_row) const {
    SimilarityTask swapped = match_;
    swapped.channels = match_.key_width;
    swapped.key_width = match_.channels;
    swapped.query = reinterpret_cast<const std::byte*>(pixels);
    swapped.keys =
        task_.channels + (query_row + delta_) * key_row_bytes(match_.channels, match_.key_width);
    Layout rows = layout_;
    rows.stride = match_.padded_width;
    float* product = match_.scratch + stages_.product;
    multiply_rows(swapped, rows, 0, 0, product);
    const std::int64_t size = match_.channels * match_.padded_width;
    float* sums = task_.sums + query_row * size;
    for (std::int64_t i = 0; i < size; i += kLanes)
      store(sums + i, load(sums + i) + load(product + i));
  }

  const GradientTask& task_;
  const SimilarityTask& match_;
  const Layout layout_;
  const Stages stages_;
  const Scratch scratch_;
  const float** const forward_;   // planes of products that four rows of scores need
  const float** const backward_;  // planes of gradients that four rows of pixels need
  const float** const made_;      // every plane of the ring, or the plane of zeros
  const std::int64_t delta_, first_query_;
  std::int64_t pairs_;
  std::int64_t computed_ = 0;
};

void run_gradient(const GradientTask& task) {
  [[maybe_unused]] const ProductUnit unit;
  for (std::int64_t delta = task.match.first_diagonal; delta < task.match.last_diagonal; ++delta) {
    DiagonalGradient(task, delta).run();
  }
}

}  // namespace

const GradientKernel PETSGAN_KERNEL = {
    kLanes,           query_row_bytes,       pack_query_row,      key_row_bytes, pack_key_row,
    pack_channel_row, gradient_scratch_size, gradient_num_planes, run_gradient};

}  // namespace petsgan
