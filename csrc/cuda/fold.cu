// The overlap average: every output pixel gathers from the patches that cover it, so there are no
// atomics and the order of the sum is fixed.
//
// One thread per output pixel and four value channels; lanes are neighbouring pixels, whose indices
// and weights are neighbours too, and whose sources mostly are. Bound by the latency of the gather:
// window^2 reads of index, weight and values, from the caches.
#include "cuda/device.h"
#include "cuda/kernels.h"

namespace petsgan::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kChannels = 4;  // of one thread

// Where the patch around one query pixel would put output pixel (its centre + offset).
struct Source {
  std::int64_t image;
  std::int64_t y, x;
  bool inside;
};

__device__ inline Source source_pixel(const FoldTask& task, std::int32_t match, std::int64_t dy,
                                      std::int64_t dx) {
  const auto width = static_cast<std::int32_t>(task.ref_width);
  const auto height = static_cast<std::int32_t>(task.ref_height);
  const std::int32_t row = match / width;
  const std::int64_t y = row % height + dy, x = match % width + dx;
  return {row / height, y, x, y >= 0 && y < height && x >= 0 && x < width};
}

__global__ void __launch_bounds__(kThreads) fold_kernel(FoldTask task) {
  const std::int64_t plane = task.height * task.width, ref_plane = task.ref_height * task.ref_width;
  const std::int64_t channel_groups = ceil_div(task.channels, kChannels);
  const std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (at >= task.images * channel_groups * plane) return;
  const std::int64_t pixel = at % plane, y = pixel / task.width, x = pixel % task.width;
  const std::int64_t image = at / plane / channel_groups;
  const std::int64_t channel = at / plane % channel_groups * kChannels;
  const auto channels = static_cast<int>(min(task.channels - channel, std::int64_t{kChannels}));

  const std::int64_t top = max(y - task.radius, std::int64_t{0});
  const std::int64_t bottom = min(y + task.radius, task.height - 1);
  const std::int64_t left = max(x - task.radius, std::int64_t{0});
  const std::int64_t right = min(x + task.radius, task.width - 1);
  float sums[kChannels] = {}, votes = 0.0F;
  for (std::int64_t from_y = top; from_y <= bottom; ++from_y) {
    for (std::int64_t from_x = left; from_x <= right; ++from_x) {
      const std::int64_t patch = image * plane + from_y * task.width + from_x;
      const Source source = source_pixel(task, task.index[patch], y - from_y, x - from_x);
      if (!source.inside) continue;
      const float weight = task.weight[patch];
      const float* values = task.values + (source.image * task.channels + channel) * ref_plane +
                            source.y * task.ref_width + source.x;
      votes += weight;
#pragma unroll
      for (int c = 0; c < kChannels; ++c) {
        if (c < channels) sums[c] += weight * values[c * ref_plane];
      }
    }
  }
  // Never 0: the patch around the pixel itself votes, as its match lies inside the reference.
  const float covering = static_cast<float>((bottom - top + 1) * (right - left + 1));
  const float divisor = task.normalize ? votes : covering;
  float* out = task.out + (image * task.channels + channel) * plane + pixel;
#pragma unroll
  for (int c = 0; c < kChannels; ++c) {
    if (c < channels) out[c * plane] = sums[c] / divisor;
  }
}

}  // namespace

void launch_fold(const FoldTask& task, Stream stream) {
  const std::int64_t threads =
      task.images * ceil_div(task.channels, kChannels) * task.height * task.width;
  launch("patch_transfer: fold", &fold_kernel, ceil_div(threads, kThreads), kThreads, 0, stream,
         task);
}

}  // namespace petsgan::cuda
