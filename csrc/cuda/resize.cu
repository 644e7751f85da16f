// The resize: every output pixel blends the four source pixels around its centre.
//
// A thread owns one output pixel of up to kMaps maps, so that the whole-number divisions that find
// its sources are shared; lanes are neighbouring columns, whose sources are neighbours too. No
// table and no scratch memory: a call is one launch. Bound by the divisions for few maps, by memory
// for many.
#include <string>

#include "cuda/buffers.h"
#include "cuda/device.h"
#include "petsgan/cuda/resize_window.h"

namespace petsgan::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kMaps = 4;  // of one thread

struct ResizeTask {
  ResizeShape shape;
  const float* source;
  float* out;
};

// What one output pixel is made of along one axis, as positions in the source window.
struct Sources {
  std::int64_t first, second;
  float weight;  // of the second
  bool copy;     // of the first
};

__device__ inline std::int64_t place_of(const ResizeAxis& axis, bool wrap, std::int64_t pixel) {
  if (!wrap) {
    return min(max(pixel, std::int64_t{0}), axis.source - 1) - axis.origin;
  }
  const std::int64_t place = (pixel - axis.origin) % axis.source;
  return place < 0 ? place + axis.source : place;
}

// resize_coordinate(), for the device.
__device__ inline Sources sources_of(const ResizeAxis& axis, bool wrap, std::int64_t at) {
  const std::int64_t pixel = axis.start + at, twice = 2 * axis.target;
  if (axis.source == axis.target) return {place_of(axis, wrap, pixel), 0, 0.0F, true};
  const std::int64_t shifted = (2 * pixel + 1) * axis.source - axis.target + twice;
  const std::int64_t left = shifted / twice - 1;
  const double rest = static_cast<double>(shifted % twice) / static_cast<double>(twice);
  return {place_of(axis, wrap, left), place_of(axis, wrap, left + 1), static_cast<float>(rest),
          false};
}

// The named roundings keep multiply and add apart, as on the CPU.
__device__ inline float blend(float a, float b, float weight_of_b) {
  return __fadd_rn(__fmul_rn(__fsub_rn(b, a), weight_of_b), a);
}

__device__ inline float blend_row(const float* row, const Sources& columns) {
  const float a = row[columns.first];
  return columns.copy ? a : blend(a, row[columns.second], columns.weight);
}

__global__ void __launch_bounds__(kThreads) resize_kernel(ResizeTask task) {
  const std::int64_t height = task.shape.rows.length, width = task.shape.columns.length;
  const std::int64_t chunks = ceil_div(width, kThreads);
  const std::int64_t line = blockIdx.x / chunks, y = line % height;
  const std::int64_t x = blockIdx.x % chunks * kThreads + threadIdx.x;
  if (x >= width) return;
  const Sources rows = sources_of(task.shape.rows, task.shape.wrap, y);
  const Sources columns = sources_of(task.shape.columns, task.shape.wrap, x);
  const std::int64_t stride = task.shape.columns.available;
  const std::int64_t plane = task.shape.rows.available * stride;
  const std::int64_t first_map = line / height * kMaps;
  const std::int64_t end = min(first_map + kMaps, task.shape.maps);
  for (std::int64_t map = first_map; map < end; ++map) {
    const float* source = task.source + map * plane;
    const float upper = blend_row(source + rows.first * stride, columns);
    task.out[(map * height + y) * width + x] =
        rows.copy ? upper
                  : blend(upper, blend_row(source + rows.second * stride, columns), rows.weight);
  }
}

}  // namespace

void resize_window(const ResizeShape& shape, const float* source, float* out, Stream stream) {
  if (shape.maps < 0) {
    throw ShapeError("resize_window: maps must be at least 0, got " + std::to_string(shape.maps));
  }
  const ResizeShape checked{
      shape.maps, checked_resize_axis(shape.rows, shape.wrap, "resize_window: rows"),
      checked_resize_axis(shape.columns, shape.wrap, "resize_window: columns"), shape.wrap};
  if (shape.maps == 0) return;
  check_pointer("resize_window", "source", source, alignof(float));
  check_pointer("resize_window", "out", out, alignof(float));
  const std::int64_t groups = ceil_div(shape.maps, kMaps);
  const std::int64_t blocks = shape.rows.length * ceil_div(shape.columns.length, kThreads);
  if (groups > kMaxBlocks / blocks) {
    throw ShapeError("resize_window: a launch must have at most " + std::to_string(kMaxBlocks) +
                     " blocks, got " + std::to_string(groups) + " x " + std::to_string(blocks) +
                     "; hint: resize fewer maps or rows at a time");
  }
  launch("resize_window", &resize_kernel, groups * blocks, kThreads, 0, stream,
         ResizeTask{checked, source, out});
}

}  // namespace petsgan::cuda
