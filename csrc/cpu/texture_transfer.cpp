#include "petsgan/texture_transfer.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "cpu/thread_pool.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::size_t kVotes = 4;

void check_shape(const TextureTransferShape& shape) {
  if (shape.factor < 2 || shape.factor % 2 != 0) {
    throw ConfigError("texture_transfer: factor must be even and at least 2, got " +
                      std::to_string(shape.factor));
  }
  if (shape.batch < 0 || shape.height < 0 || shape.width < 0) {
    throw ShapeError("texture_transfer: index must have no negative size");
  }
  if (shape.source_height < 1 || shape.source_width < 1) {
    throw ShapeError("texture_transfer: texture must hold at least one block of factor x factor");
  }
}

void check_index(const TextureTransferShape& shape, const std::int32_t* index) {
  const std::int64_t limit = shape.source_height * shape.source_width;
  const std::int64_t count = shape.batch * shape.height * shape.width;
  for (std::int64_t i = 0; i < count; ++i) {
    if (index[i] >= 0 && index[i] < limit) continue;
    const std::int64_t pixel = i % (shape.height * shape.width);
    throw ShapeError("texture_transfer: index must be in [0, " + std::to_string(limit) + "), got " +
                     std::to_string(index[i]) + " at [" +
                     std::to_string(i / (shape.height * shape.width)) + ", " +
                     std::to_string(pixel / shape.width) + ", " +
                     std::to_string(pixel % shape.width) + "]");
  }
}

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

// One call's arrays, with the tables that its rows of blocks share.
class Transfer {
 public:
  Transfer(const TextureTransferShape& shape, const std::int32_t* index, const float* texture,
           float* out)
      : shape_(shape),
        half_(shape.factor / 2),
        index_(index),
        texture_(texture),
        out_(out),
        window_(raised_cosine(shape.factor)),
        zeros_(static_cast<std::size_t>(half_), 0.0F) {}

  // Writes the `factor` rows of pixels of row `by` of blocks of image `n`.
  void block_row(std::int64_t n, std::int64_t by) const {
    std::vector<float> weights(kVotes * static_cast<std::size_t>(half_));
    for (std::int64_t bx = 0; bx < shape_.width; ++bx) {
      for (std::int64_t quadrant = 0; quadrant < 4; ++quadrant) {
        fill_quadrant(n, by, bx, quadrant / 2, quadrant % 2, weights.data());
      }
    }
  }

 private:
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
    const std::int64_t source = index_[(n * shape_.height + y) * shape_.width + x];
    // In halves of a block, relative to the voting block: -1 .. 2.
    const std::int64_t half_y = bottom - 2 * dy;
    const std::int64_t half_x = right - 2 * dx;
    const std::int64_t source_y = 2 * (source / shape_.source_width) + half_y;
    const std::int64_t source_x = 2 * (source % shape_.source_width) + half_x;
    if (source_y < 0 || source_y >= 2 * shape_.source_height || source_x < 0 ||
        source_x >= 2 * shape_.source_width) {
      return dropped;
    }
    const std::int64_t stride = shape_.source_width * shape_.factor;
    return {texture_ + source_y * half_ * stride + source_x * half_, stride,
            stride * shape_.source_height * shape_.factor, window_.data() + (half_y + 1) * half_,
            window_.data() + (half_x + 1) * half_};
  }

  void fill_quadrant(std::int64_t n, std::int64_t by, std::int64_t bx, std::int64_t bottom,
                     std::int64_t right, float* weights) const {
    const std::int64_t dy = 2 * bottom - 1;  // of the neighbour nearest to this quadrant
    const std::int64_t dx = 2 * right - 1;
    const std::array<Vote, kVotes> votes = {
        make_vote(n, by, bx, bottom, right, 0, 0), make_vote(n, by, bx, bottom, right, 0, dx),
        make_vote(n, by, bx, bottom, right, dy, 0), make_vote(n, by, bx, bottom, right, dy, dx)};
    const std::int64_t out_stride = shape_.width * shape_.factor;
    const std::int64_t out_plane = shape_.height * shape_.factor * out_stride;
    float* corner = out_ + n * kChannels * out_plane +
                    (by * shape_.factor + bottom * half_) * out_stride + bx * shape_.factor +
                    right * half_;
    for (std::int64_t row = 0; row < half_; ++row) {
      normalised_weights(votes, row, weights);
      for (std::int64_t channel = 0; channel < kChannels; ++channel) {
        std::array<const float*, kVotes> sources{};
        for (std::size_t k = 0; k < kVotes; ++k) {
          sources[k] =
              votes[k].source + channel * votes[k].channel_stride + row * votes[k].row_stride;
        }
        blend(sources, weights, corner + channel * out_plane + row * out_stride);
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
                          float* __restrict weights) const {
    for (std::int64_t i = 0; i < half_; ++i) {
      std::array<float, kVotes> w{};
      for (std::size_t k = 0; k < kVotes; ++k) {
        w[k] = votes[k].row_weight[row] * votes[k].col_weight[i];
      }
      const float scale = 1.0F / ((w[0] + w[1]) + (w[2] + w[3]));
      for (std::size_t k = 0; k < kVotes; ++k) {
        weights[static_cast<std::int64_t>(k) * half_ + i] = w[k] * scale;
      }
    }
  }

  void blend(const std::array<const float*, kVotes>& sources, const float* __restrict weights,
             float* __restrict out) const {
    const auto [a, b, c, d] = sources;
    for (std::int64_t i = 0; i < half_; ++i) {
      out[i] = (weights[i] * a[i] + weights[half_ + i] * b[i]) +
               (weights[2 * half_ + i] * c[i] + weights[3 * half_ + i] * d[i]);
    }
  }

  TextureTransferShape shape_;
  std::int64_t half_;
  const std::int32_t* index_;
  const float* texture_;
  float* out_;
  std::vector<float> window_;
  std::vector<float> zeros_;
};

}  // namespace

void texture_transfer(const TextureTransferShape& shape, const std::int32_t* index,
                      const float* texture, int threads, float* out) {
  check_shape(shape);
  check_index(shape, index);
  const Transfer transfer(shape, index, texture, out);
  parallel_for(shape.batch * shape.height, threads, [&](std::int64_t row, int) {
    transfer.block_row(row / shape.height, row % shape.height);
  });
}

}  // namespace petsgan
