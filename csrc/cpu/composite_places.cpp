#include "petsgan/composite_places.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "cpu/relax_row/kernel.h"
#include "cpu/simd.h"
#include "cpu/thread_pool.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kTaskRows = 32;

using RelaxKernel = void (*)(const RelaxRow&);
using Step = std::array<float, kChannels>;  // between two neighbours

RelaxKernel relax_kernel() {
  switch (simd_level()) {
#ifdef PETSGAN_X86_KERNELS
    case SimdLevel::kAmx:
    case SimdLevel::kAvx512:
      return relax_row_avx512;
    case SimdLevel::kAvx2:
      return relax_row_avx2;
#endif
    default:
      return relax_row_portable;
  }
}

class Composite {
 public:
  Composite(const CompositeShape& shape, const std::int16_t* places, const std::uint8_t* photo,
            float softness, float* out)
      : shape_(shape),
        places_(places),
        photo_(photo),
        softness_(softness * softness),
        plane_(shape.height * shape.width),
        padded_(shape.width + 2),
        out_(out),
        rest_(static_cast<std::size_t>(kChannels * plane_)) {}

  // Writes the colours of places, and what their steps lack, of some rows.
  void begin(std::int64_t first, std::int64_t last) {
    const std::int64_t width = shape_.width;
    std::vector<Step> above(static_cast<std::size_t>(width));
    std::vector<Step> below(static_cast<std::size_t>(width));
    if (first > 0) lacking_down(first - 1, &above);
    for (std::int64_t y = first; y < last; ++y) {
      if (y + 1 < shape_.height) {
        lacking_down(y, &below);
      } else {
        std::fill(below.begin(), below.end(), Step{});
      }
      Step before{};
      for (std::int64_t x = 0; x < width; ++x) {
        const Step after = x + 1 < width ? lacking(y, x, 0, 1) : Step{};
        const std::uint8_t* colour = pixel(place(y, x));
        for (std::size_t c = 0; c < kChannels; ++c) {
          const std::size_t at =
              c * static_cast<std::size_t>(plane_) + static_cast<std::size_t>(y * width + x);
          const auto i = static_cast<std::size_t>(x);
          out_[at] = colour[c];
          rest_[at] = (before[c] - after[c]) + (above[i][c] - below[i][c]);
        }
        before = after;
      }
      above.swap(below);
    }
  }

  // Relaxes one channel and brings it to [-1, 1]. Step k follows step k - 1 a row behind it, so
  // that what a row needs is still in the cache from one step to the next.
  void finish(std::int64_t channel, float centre, const CompositeStep* steps,
              std::int64_t num_steps) {
    const RelaxKernel relax = relax_kernel();
    const std::int64_t height = shape_.height;
    const std::int64_t width = shape_.width;
    float* image = out_ + channel * plane_;
    float* rest = rest_.data() + channel * plane_;
    // Three rows of the direction before each step, and of the last one, which nobody reads.
    std::vector<float> directions(static_cast<std::size_t>((num_steps + 1) * 3 * padded_));
    const auto row = [&](std::int64_t k, std::int64_t y) {
      return directions.data() + (3 * k + y % 3) * padded_ + 1;
    };
    const auto close = [&](float* of) {  // nothing flows over the canvas's border
      of[-1] = of[0];
      of[width] = of[width - 1];
    };
    const auto begin_row = [&](std::int64_t y) {
      float* to = row(0, y);
      for (std::int64_t x = 0; x < width; ++x) to[x] = steps[0].take * rest[y * width + x];
      close(to);
    };
    begin_row(0);
    for (std::int64_t front = 0; front < height + num_steps - 1; ++front) {
      if (front + 1 < height) begin_row(front + 1);
      for (std::int64_t k = std::max<std::int64_t>(0, front - height + 1);
           k < std::min(num_steps, front + 1); ++k) {
        const std::int64_t y = front - k;
        const CompositeStep step = k + 1 < num_steps ? steps[k + 1] : CompositeStep{0, 0};
        relax({row(k, y), row(k, std::max<std::int64_t>(0, y - 1)),
               row(k, std::min(height - 1, y + 1)), width, centre, step.keep, step.take,
               rest + y * width, image + y * width, row(k + 1, y)});
        close(row(k + 1, y));
      }
    }
    for (std::int64_t i = 0; i < plane_; ++i) image[i] = image[i] / 127.5F - 1.0F;
  }

 private:
  struct Place {
    std::int64_t y, x;
  };
  Place place(std::int64_t y, std::int64_t x) const {
    const std::int16_t* at = places_ + 2 * (y * shape_.width + x);
    return {at[0], at[1]};
  }
  const std::uint8_t* pixel(Place p) const {
    return photo_ + kChannels * (p.y * shape_.photo_width + p.x);
  }
  // The pixel (dy, dx) further on in the photo, or the last one there.
  const std::uint8_t* pixel(Place p, std::int64_t dy, std::int64_t dx) const {
    return pixel({std::clamp<std::int64_t>(p.y + dy, 0, shape_.photo_height - 1),
                  std::clamp<std::int64_t>(p.x + dx, 0, shape_.photo_width - 1)});
  }

  void lacking_down(std::int64_t y, std::vector<Step>* out) const {
    for (std::int64_t x = 0; x < shape_.width; ++x) {
      (*out)[static_cast<std::size_t>(x)] = lacking(y, x, 1, 0);
    }
  }

  // The step that the places of a pixel and the next one ask for, their mean, less the one that
  // their colours make: 0 where the next place continues the first.
  Step lacking(std::int64_t y, std::int64_t x, std::int64_t dy, std::int64_t dx) const {
    Step step{};
    const Place here = place(y, x);
    const Place there = place(y + dy, x + dx);
    if (there.y == here.y + dy && there.x == here.x + dx) return step;
    const std::uint8_t* colour = pixel(here);
    const std::uint8_t* other = pixel(there);
    const std::uint8_t* continued = pixel(here, dy, dx);
    const std::uint8_t* preceding = pixel(there, -dy, -dx);
    float most = 0;
    for (std::size_t c = 0; c < kChannels; ++c) {
      // Twice the step, a whole number.
      const int twice =
          continued[c] - colour[c] + other[c] - preceding[c] - 2 * (other[c] - colour[c]);
      step[c] = 0.5F * static_cast<float>(twice);
      most = std::max(most, step[c] * step[c]);
    }
    if (softness_ > 0) {
      const float apart = most / softness_;
      const float share = 1.0F / (1.0F + apart * apart);
      for (float& value : step) value *= share;
    }
    return step;
  }

  CompositeShape shape_;
  const std::int16_t* places_;
  const std::uint8_t* photo_;
  float softness_;
  std::int64_t plane_, padded_;
  float* out_;
  std::vector<float> rest_;
};

void check_places(const CompositeShape& shape, const std::int16_t* places) {
  for (std::int64_t i = 0; i < shape.height * shape.width; ++i) {
    const int y = places[2 * i];
    const int x = places[2 * i + 1];
    if (y >= 0 && y < shape.photo_height && x >= 0 && x < shape.photo_width) continue;
    throw ShapeError("composite_places: places must lie in the photo, " +
                     std::to_string(shape.photo_height) + "x" + std::to_string(shape.photo_width) +
                     ", got (" + std::to_string(y) + ", " + std::to_string(x) + ") at [" +
                     std::to_string(i / shape.width) + ", " + std::to_string(i % shape.width) +
                     "]");
  }
}

}  // namespace

void composite_places(const CompositeShape& shape, const std::int16_t* places,
                      const std::uint8_t* photo, float screening, float softness,
                      const CompositeStep* steps, std::int64_t num_steps, int threads, float* out) {
  check_places(shape, places);
  Composite composite(shape, places, photo, softness, out);
  const std::int64_t tasks = (shape.height + kTaskRows - 1) / kTaskRows;
  parallel_for(tasks, threads, [&](std::int64_t task, int) {
    const std::int64_t first = task * kTaskRows;
    composite.begin(first, std::min(shape.height, first + kTaskRows));
  });
  parallel_for(kChannels, threads, [&](std::int64_t channel, int) {
    composite.finish(channel, 4.0F + screening, steps, num_steps);
  });
}

}  // namespace petsgan
