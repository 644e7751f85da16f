#include "petsgan/texture_transfer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "cpu/texture_blocks.h"
#include "cpu/thread_pool.h"

namespace petsgan {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::size_t kVotes = 4;

std::vector<float> raised_cosine(std::int64_t factor) {
  std::vector<float> window(static_cast<std::size_t>(2 * factor));
  const double step = 3.14159265358979323846 / static_cast<double>(factor);
  for (std::size_t t = 0; t < window.size(); ++t) {
    window[t] = static_cast<float>(0.5 - 0.5 * std::cos(step * (static_cast<double>(t) + 0.5)));
  }
  return window;
}

// What one block says about a quadrant of half x half pixels, half = factor / 2.
struct Vote {
  const float* source;      // texture under the quadrant's first pixel, channel 0
  std::int64_t row_stride;  // of the source; 0 for a dropped vote
  std::int64_t channel_stride;
  const float* row_weight;  // half weights, window of the rows
  const float* col_weight;  // half weights, window of the columns
};

// Four floats in GCC's and clang's portable vector notation. Both have such registers on every
// processor that this runs on.
typedef float Quad __attribute__((vector_size(16)));

template <typename Lanes>
Lanes load(const float* from) {
  Lanes values;
  std::memcpy(&values, from, sizeof values);
  return values;
}
template <typename Lanes>
void store(float* to, Lanes values) {
  std::memcpy(to, &values, sizeof values);
}

// One call's arrays, with the tables that its tasks share. `Lanes` is a Quad or, where the
// quadrants are not whole Quads wide, a float.
//
// The unit of work is the cell: the factor x factor pixels around the corner where four blocks of
// the index map meet. All its pixels get their votes from those four, so a cell is four rectangles
// of the texture laid over each other, with weights that depend on the place in the cell alone.
// That holds unless one reaches over the texture's border or the cell over that of the image; then
// each quadrant of the cell is filled by itself.
template <typename Lanes>
class Transfer {
 public:
  Transfer(const TextureTransferShape& shape, const std::int32_t* index, const float* texture,
           float* out)
      : shape_(shape),
        factor_(shape.factor),
        half_(shape.factor / 2),
        blocks_(read_texture_blocks(shape, index)),
        texture_stride_(shape.source_width * shape.factor),
        texture_plane_(texture_stride_ * shape.source_height * shape.factor),
        out_stride_(shape.width * shape.factor),
        out_plane_(out_stride_ * shape.height * shape.factor),
        texture_(texture),
        out_(out),
        window_(raised_cosine(shape.factor)),
        zeros_(static_cast<std::size_t>(half_), 0.0F) {}

  // Writes the cells between rows `below` - 1 and `below` of blocks of image `n`, 0 <= below <=
  // height.
  void cell_row(std::int64_t n, std::int64_t below) const {
    std::vector<float> weights(kVotes * static_cast<std::size_t>(half_));
    for (std::int64_t right = 0; right <= shape_.width; ++right) {
      if (fill_cell(n, below, right)) continue;
      for (std::int64_t by = std::max<std::int64_t>(0, below - 1);
           by <= std::min(below, shape_.height - 1); ++by) {
        for (std::int64_t bx = std::max<std::int64_t>(0, right - 1);
             bx <= std::min(right, shape_.width - 1); ++bx) {
          fill_quadrant(n, by, bx, below - by, right - bx, weights.data());
        }
      }
    }
  }

 private:
  static constexpr std::int64_t kStep = sizeof(Lanes) / sizeof(float);

  const TextureBlock& block(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return blocks_[static_cast<std::size_t>((n * shape_.height + y) * shape_.width + x)];
  }
  float* out_pixel(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return out_ + n * kChannels * out_plane_ + y * out_stride_ + x;
  }

  // The cell above and to the left of the first pixel of block (below, right), or false.
  bool fill_cell(std::int64_t n, std::int64_t below, std::int64_t right) const {
    if (below == 0 || below == shape_.height || right == 0 || right == shape_.width) return false;
    std::array<const float*, kVotes> sources{};
    for (std::int64_t k = 0; k < 4; ++k) {
      const std::int64_t dy = k / 2;
      const std::int64_t dx = k % 2;
      const TextureBlock& shown = block(n, below - 1 + dy, right - 1 + dx);
      // The cell's first pixel, in blocks of the texture, is half a block before or after that of
      // the block shown; the cell ends a block later.
      const std::int64_t y = shown.y - dy;
      const std::int64_t x = shown.x - dx;
      if (y < 0 || y + 1 >= shape_.source_height || x < 0 || x + 1 >= shape_.source_width) {
        return false;
      }
      sources[static_cast<std::size_t>(k)] =
          texture_ + (y * factor_ + half_) * texture_stride_ + x * factor_ + half_;
    }
    float* corner = out_pixel(n, below * factor_ - half_, right * factor_ - half_);
    for (std::int64_t channel = 0; channel < kChannels; ++channel) {
      blend_cell(sources, channel * texture_plane_, corner + channel * out_plane_);
    }
    return true;
  }

  // One channel of a cell, which begins `offset` floats after the sources. The weights of win(t)
  // and win(t + factor) add to 1, so nothing is divided.
  void blend_cell(const std::array<const float*, kVotes>& sources, std::int64_t offset,
                  float* out) const {
    const float* fading = window_.data() + factor_;
    const float* rising = window_.data();
    const auto [a, b, c, d] = sources;
    for (std::int64_t i = 0; i < factor_; i += kStep) {
      const auto left = load<Lanes>(fading + i);
      const auto right = load<Lanes>(rising + i);
      for (std::int64_t row = 0; row < factor_; ++row) {
        const std::int64_t at = offset + row * texture_stride_ + i;
        const Lanes upper = left * load<Lanes>(a + at) + right * load<Lanes>(b + at);
        const Lanes lower = left * load<Lanes>(c + at) + right * load<Lanes>(d + at);
        store<Lanes>(out + row * out_stride_ + i, fading[row] * upper + rising[row] * lower);
      }
    }
  }

  // The vote of block (by + dy, bx + dx) on quadrant (bottom, right) of block (by, bx).
  //
  // A window reaches half a block beyond its own, and the texture is whole blocks, so a quadrant is
  // either inside the texture as a whole or outside it as a whole: one test per vote, not per
  // pixel.
  Vote make_vote(std::int64_t n, std::int64_t by, std::int64_t bx, std::int64_t bottom,
                 std::int64_t right, std::int64_t dy, std::int64_t dx) const {
    const Vote dropped{zeros_.data(), 0, 0, zeros_.data(), zeros_.data()};
    const std::int64_t y = by + dy;
    const std::int64_t x = bx + dx;
    if (y < 0 || y >= shape_.height || x < 0 || x >= shape_.width) return dropped;
    const TextureBlock& shown = block(n, y, x);
    // In halves of a block, relative to the voting block: -1 .. 2.
    const std::int64_t half_y = bottom - 2 * dy;
    const std::int64_t half_x = right - 2 * dx;
    const std::int64_t source_y = 2 * std::int64_t{shown.y} + half_y;
    const std::int64_t source_x = 2 * std::int64_t{shown.x} + half_x;
    if (source_y < 0 || source_y >= 2 * shape_.source_height || source_x < 0 ||
        source_x >= 2 * shape_.source_width) {
      return dropped;
    }
    return {texture_ + source_y * half_ * texture_stride_ + source_x * half_, texture_stride_,
            texture_plane_, window_.data() + (half_y + 1) * half_,
            window_.data() + (half_x + 1) * half_};
  }

  void fill_quadrant(std::int64_t n, std::int64_t by, std::int64_t bx, std::int64_t bottom,
                     std::int64_t right, float* weights) const {
    const std::int64_t dy = 2 * bottom - 1;  // of the neighbour nearest to this quadrant
    const std::int64_t dx = 2 * right - 1;
    const std::array<Vote, kVotes> votes = {
        make_vote(n, by, bx, bottom, right, 0, 0), make_vote(n, by, bx, bottom, right, 0, dx),
        make_vote(n, by, bx, bottom, right, dy, 0), make_vote(n, by, bx, bottom, right, dy, dx)};
    float* corner = out_pixel(n, by * factor_ + bottom * half_, bx * factor_ + right * half_);
    for (std::int64_t row = 0; row < half_; ++row) {
      normalised_weights(votes, row, weights);
      for (std::int64_t channel = 0; channel < kChannels; ++channel) {
        std::array<const float*, kVotes> sources{};
        for (std::size_t k = 0; k < kVotes; ++k) {
          sources[k] =
              votes[k].source + channel * votes[k].channel_stride + row * votes[k].row_stride;
        }
        blend_row(sources, weights, corner + channel * out_plane_ + row * out_stride_);
      }
    }
  }

  // Writes [vote, column] weights of one row of a quadrant; each column sums to 1.
  //
  // The sum is never near 0. A block always votes on its own pixels, since its source block lies
  // wholly inside the texture, and there t is in [f/2, 3f/2), where win(t) >= win(f/2)
  // = 0.5 + 0.5 sin(pi / 2f) > 0.5 on each axis. So the sum is above 0.25, and the block's own
  // pixel needs no fallback.
  void normalised_weights(const std::array<Vote, kVotes>& votes, std::int64_t row,
                          float* weights) const {
    for (std::int64_t i = 0; i < half_; i += kStep) {
      std::array<Lanes, kVotes> w{};
      for (std::size_t k = 0; k < kVotes; ++k) {
        w[k] = votes[k].row_weight[row] * load<Lanes>(votes[k].col_weight + i);
      }
      const Lanes scale = 1.0F / ((w[0] + w[1]) + (w[2] + w[3]));
      for (std::int64_t k = 0; k < 4; ++k) {
        store<Lanes>(weights + k * half_ + i, w[static_cast<std::size_t>(k)] * scale);
      }
    }
  }

  void blend_row(const std::array<const float*, kVotes>& sources, const float* weights,
                 float* out) const {
    const auto [a, b, c, d] = sources;
    const auto weighted = [&](std::int64_t vote, const float* source, std::int64_t i) {
      return load<Lanes>(weights + vote * half_ + i) * load<Lanes>(source + i);
    };
    for (std::int64_t i = 0; i < half_; i += kStep) {
      store<Lanes>(out + i, (weighted(0, a, i) + weighted(1, b, i)) +
                                (weighted(2, c, i) + weighted(3, d, i)));
    }
  }

  TextureTransferShape shape_;
  std::int64_t factor_, half_;
  std::vector<TextureBlock> blocks_;
  std::int64_t texture_stride_, texture_plane_;  // in floats: of a row, of a channel
  std::int64_t out_stride_, out_plane_;
  const float* texture_;
  float* out_;
  std::vector<float> window_;
  std::vector<float> zeros_;
};

template <typename Lanes>
void run(const TextureTransferShape& shape, const std::int32_t* index, const float* texture,
         int threads, float* out) {
  const Transfer<Lanes> transfer(shape, index, texture, out);
  const std::int64_t rows = shape.height + 1;
  parallel_for(shape.batch * rows, threads,
               [&](std::int64_t task, int) { transfer.cell_row(task / rows, task % rows); });
}

}  // namespace

void texture_transfer(const TextureTransferShape& shape, const std::int32_t* index,
                      const float* texture, int threads, float* out) {
  check_texture_shape(shape);
  const auto run_factor = shape.factor % 8 == 0 ? run<Quad> : run<float>;
  run_factor(shape, index, texture, threads, out);
}

}  // namespace petsgan
