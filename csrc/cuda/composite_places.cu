// The composite of places: what the steps of the colours lack, then a launch for each relaxation.
//
// A thread owns a pixel, and of a relaxation one channel of it: five numbers of the direction and
// what is its own, so a relaxation is bound by memory, 24 bytes a number. Every operation has its
// rounding in its name: a multiply and an add that nvcc fused would not have the CPU's bits.
#include <cmath>
#include <utility>

#include "cuda/buffers.h"
#include "cuda/lines.h"
#include "petsgan/cuda/composite_places.h"

namespace petsgan::cuda {
namespace {

constexpr const char* kOp = "composite_places";
constexpr int kChannels = 3;

struct CompositeTask {
  CompositeShape shape;
  const std::int16_t* places;
  const std::uint8_t* photo;
  float softness;  // squared
  float take;      // of the first direction
  float* rest;     // [3, height, width]: what is left to correct
  float* direction;
  float* image;
  unsigned long long* wrong;  // not 0 where a place is not in the photo
};

struct Place {
  int y, x;
};

struct Step {  // between two neighbours
  float of[kChannels];
};

__device__ inline Place place_at(const CompositeTask& task, std::int64_t y, std::int64_t x) {
  const std::int16_t* at = task.places + 2 * (y * task.shape.width + x);
  return {at[0], at[1]};
}

__device__ inline bool is_inside(const CompositeTask& task, Place p) {
  return p.y >= 0 && p.y < task.shape.photo_height && p.x >= 0 && p.x < task.shape.photo_width;
}

// The pixel of the photo, or the last one there.
__device__ inline const std::uint8_t* pixel(const CompositeTask& task, int y, int x) {
  const std::int64_t row = min(max(std::int64_t{y}, std::int64_t{0}), task.shape.photo_height - 1);
  const std::int64_t column =
      min(max(std::int64_t{x}, std::int64_t{0}), task.shape.photo_width - 1);
  return task.photo + kChannels * (row * task.shape.photo_width + column);
}

// The step from a pixel to the one (dy, dx) further: what the places ask for, their mean, less what
// the colours make; 0 where the second place continues the first.
__device__ inline Step lacking(const CompositeTask& task, Place here, Place there, int dy, int dx) {
  Step step{};
  if (there.y == here.y + dy && there.x == here.x + dx) return step;
  const std::uint8_t* colour = pixel(task, here.y, here.x);
  const std::uint8_t* other = pixel(task, there.y, there.x);
  const std::uint8_t* continued = pixel(task, here.y + dy, here.x + dx);
  const std::uint8_t* preceding = pixel(task, there.y - dy, there.x - dx);
  float most = 0.0F;
  for (int c = 0; c < kChannels; ++c) {
    const int twice =
        continued[c] - colour[c] + other[c] - preceding[c] - 2 * (other[c] - colour[c]);
    step.of[c] = __fmul_rn(0.5F, static_cast<float>(twice));
    most = max(most, __fmul_rn(step.of[c], step.of[c]));
  }
  if (task.softness > 0.0F) {
    const float apart = __fdiv_rn(most, task.softness);
    const float share = __fdiv_rn(1.0F, __fadd_rn(1.0F, __fmul_rn(apart, apart)));
    for (int c = 0; c < kChannels; ++c) step.of[c] = __fmul_rn(step.of[c], share);
  }
  return step;
}

__global__ void __launch_bounds__(kLineThreads) begin_kernel(CompositeTask task) {
  const LinePixel at = line_pixel(task.shape.width);
  if (at.x >= task.shape.width) return;
  const std::int64_t y = at.line, x = at.x;
  const Place here = place_at(task, y, x);
  if (!is_inside(task, here)) {
    atomicMax(task.wrong, 1ULL);
    return;
  }
  // Nothing flows over the canvas's border. A neighbour outside the photo, which its own thread
  // reports, is not read from either: its pixel is the last one there.
  const auto between = [&](int dy, int dx) {
    const std::int64_t to_y = y + dy, to_x = x + dx;
    if (to_y < 0 || to_x < 0 || to_y >= task.shape.height || to_x >= task.shape.width) {
      return Step{};
    }
    const Place there = place_at(task, to_y, to_x);
    return dy + dx > 0 ? lacking(task, here, there, dy, dx) : lacking(task, there, here, -dy, -dx);
  };
  const Step before = between(0, -1), after = between(0, 1);
  const Step above = between(-1, 0), below = between(1, 0);
  const std::uint8_t* colour = pixel(task, here.y, here.x);
  for (int c = 0; c < kChannels; ++c) {
    const std::int64_t i = (c * task.shape.height + y) * task.shape.width + x;
    const float rest =
        __fadd_rn(__fsub_rn(before.of[c], after.of[c]), __fsub_rn(above.of[c], below.of[c]));
    task.image[i] = colour[c];
    task.rest[i] = rest;
    task.direction[i] = __fmul_rn(task.take, rest);
  }
}

struct RelaxTask {
  std::int64_t height, width;
  const float* direction;  // [3, height, width]
  float* next;
  float* rest;
  float* image;
  float centre, keep, take;
  bool is_last;
  const unsigned long long* wrong;
};

__global__ void __launch_bounds__(kLineThreads) relax_kernel(RelaxTask task) {
  const LinePixel at = line_pixel(task.width);
  if (at.x >= task.width) return;
  const std::int64_t i = at.line * task.width + at.x;
  const std::int64_t y = static_cast<unsigned>(at.line) % static_cast<unsigned>(task.height);
  if (*task.wrong != 0) {
    task.image[i] = NAN;
    return;
  }
  const float* own = task.direction + i;
  const float here = own[0];
  const float beside = __fadd_rn(own[at.x > 0 ? -1 : 0], own[at.x + 1 < task.width ? 1 : 0]);
  const float across =
      __fadd_rn(own[y > 0 ? -task.width : 0], own[y + 1 < task.height ? task.width : 0]);
  const float around = __fadd_rn(beside, across);
  const float image = __fadd_rn(task.image[i], here);
  if (task.is_last) {
    task.image[i] = __fsub_rn(__fdiv_rn(image, 127.5F), 1.0F);
    return;
  }
  const float rest = __fsub_rn(task.rest[i], __fsub_rn(__fmul_rn(task.centre, here), around));
  task.rest[i] = rest;
  task.image[i] = image;
  task.next[i] = __fadd_rn(__fmul_rn(task.keep, here), __fmul_rn(task.take, rest));
}

struct Layout {
  explicit Layout(const CompositeShape& shape) {
    check_positive(kOp, "canvas height", shape.height);
    check_positive(kOp, "canvas width", shape.width);
    check_positive(kOp, "photo height", shape.photo_height);
    check_positive(kOp, "photo width", shape.photo_width);
    const std::int64_t count =
        checked_product(kOp, "the image", {kChannels, shape.height, shape.width}, kMaxPixels);
    Cutter cutter;
    wrong = cutter.take(1, sizeof(unsigned long long));
    for (std::size_t* part : {&rest, &first, &second}) *part = cutter.take(count, sizeof(float));
    size = cutter.end();
  }

  std::size_t wrong = 0, rest = 0, first = 0, second = 0, size = 0;
};

}  // namespace

std::size_t composite_places_workspace_bytes(const CompositeShape& shape) {
  return Layout(shape).size;
}

void composite_places(const CompositeShape& shape, const std::int16_t* places,
                      const std::uint8_t* photo, float screening, float softness,
                      const CompositeStep* steps, std::int64_t num_steps, float* out,
                      void* workspace, Stream stream) {
  const Layout layout(shape);
  check_positive(kOp, "steps", num_steps);
  check_pointer(kOp, "places", places, alignof(std::int16_t));
  check_pointer(kOp, "photo", photo, 1);
  check_pointer(kOp, "out", out, alignof(float));
  check_pointer(kOp, "workspace", workspace, kAlignment);
  auto* wrong = part_of<unsigned long long>(workspace, layout.wrong);
  float* rest = part_of<float>(workspace, layout.rest);
  float* direction = part_of<float>(workspace, layout.first);
  float* next = part_of<float>(workspace, layout.second);
  check(cudaMemsetAsync(wrong, 0, sizeof *wrong, stream), "composite_places: clear");
  launch("composite_places: begin", &begin_kernel, line_blocks(shape.height, shape.width),
         kLineThreads, 0, stream,
         CompositeTask{shape, places, photo, softness * softness, steps[0].take, rest, direction,
                       out, wrong});
  const std::int64_t blocks = line_blocks(kChannels * shape.height, shape.width);
  for (std::int64_t k = 0; k < num_steps; ++k) {
    const bool is_last = k + 1 == num_steps;
    const CompositeStep step = is_last ? CompositeStep{0, 0} : steps[k + 1];
    launch("composite_places: relax", &relax_kernel, blocks, kLineThreads, 0, stream,
           RelaxTask{shape.height, shape.width, direction, next, rest, out, 4.0F + screening,
                     step.keep, step.take, is_last, wrong});
    std::swap(direction, next);
  }
}

}  // namespace petsgan::cuda
