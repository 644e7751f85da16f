// Patch norms, in two kernels: the energy of every pixel, then 1 / |patch| from box sums of it.
//
// One thread per pixel; lanes are neighbouring pixels, so every load is coalesced. Bound by reading
// the features once; the box sums read window^2 doubles per pixel from the caches. Energies are
// doubles: 64 * 49 squares of float32 would lose digits, and a norm enters every score.
//
// Features are scaled by the power of two that brings the largest of a map near 1, so that products
// of float32 neither overflow nor vanish. The summary is an atomic maximum, which is exact in any
// order.
#include "cuda/device.h"
#include "cuda/feature.h"
#include "cuda/kernels.h"

namespace petsgan::cuda {
namespace {

constexpr int kThreads = 256;
constexpr double kMinNorm = 1e-12;  // shorter patches fade to cosine 0

// NaN and infinity, of any sign: for squares and sums of squares.
__device__ inline bool not_finite(double energy) { return !(energy < INFINITY); }

// Codes grow as positions fall, so that the first position is the maximum and 0 means none.
__host__ __device__ inline unsigned long long position_code(std::int64_t position) {
  return ~static_cast<unsigned long long>(position);
}

template <typename Feature>
__device__ void report_not_finite(const FeatureMaps& input, std::int64_t first,
                                  MapSummary& summary) {
  const std::int64_t plane = input.height * input.width;
  const auto* features = static_cast<const Feature*>(input.features);
  for (std::int64_t c = 0; c < input.channels; ++c) {
    const auto value = static_cast<double>(to_float(features[first + c * plane]));
    if (not_finite(value * value)) {
      atomicMax(&summary.not_finite_code, position_code(first + c * plane));
      return;
    }
  }
}

// The largest of the warp's values, in every lane.
__device__ inline unsigned long long warp_max(unsigned long long value) {
  for (int mask = 16; mask > 0; mask /= 2) {
    value = max(value, __shfl_xor_sync(0xFFFFFFFFU, value, mask));
  }
  return value;
}

__host__ __device__ inline std::int64_t blocks_per_map(const FeatureMaps& input) {
  return ceil_div(input.height * input.width, kThreads);
}

template <typename Feature>
__global__ void __launch_bounds__(kThreads) energy_kernel(NormsTask task) {
  const FeatureMaps& input = task.input;
  const std::int64_t plane = input.height * input.width, blocks = blocks_per_map(input);
  const std::int64_t map = blockIdx.x / blocks;
  const std::int64_t pixel = blockIdx.x % blocks * kThreads + threadIdx.x;
  MapSummary& summary = task.summaries[map / task.maps_per_summary];
  double energy = 0.0;
  if (pixel < plane) {
    const std::int64_t first = map * input.channels * plane + pixel;
    const auto* features = static_cast<const Feature*>(input.features);
    for (std::int64_t c = 0; c < input.channels; ++c) {
      const auto value = static_cast<double>(to_float(features[first + c * plane]));
      energy += value * value;
    }
    task.energy[map * plane + pixel] = energy;
    if (not_finite(energy)) report_not_finite<Feature>(input, first, summary);
  }
  // Doubles that are not negative order like their bits.
  const unsigned long long peak =
      warp_max(static_cast<unsigned long long>(__double_as_longlong(energy)));
  if (threadIdx.x % 32 == 0) atomicMax(&summary.peak, peak);
}

// The power of two for a map whose strongest pixel has this energy; NaN if one is not finite.
__device__ inline float normalizing_scale(const MapSummary& summary, bool scaled) {
  if (summary.not_finite_code != 0) return NAN;
  const double peak = __longlong_as_double(static_cast<long long>(summary.peak));
  if (!scaled || peak == 0.0) return 1.0F;
  const int exponent = ilogb(sqrt(peak));
  return ldexpf(1.0F, exponent < -126 ? 126 : -exponent);
}

__global__ void __launch_bounds__(kThreads) inverse_norms_kernel(NormsTask task) {
  const std::int64_t height = task.input.height, width = task.input.width, plane = height * width;
  const std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (at >= task.input.maps * plane) return;
  const std::int64_t map = at / plane, y = at % plane / width, x = at % width;
  const std::int64_t top = max(y - task.radius, std::int64_t{0});
  const std::int64_t bottom = min(y + task.radius, height - 1);
  const std::int64_t left = max(x - task.radius, std::int64_t{0});
  const std::int64_t right = min(x + task.radius, width - 1);
  double sum = 0.0;
  for (std::int64_t from_y = top; from_y <= bottom; ++from_y) {
    const double* row = task.energy + map * plane + from_y * width;
    for (std::int64_t from_x = left; from_x <= right; ++from_x) sum += row[from_x];
  }
  const std::int64_t group = map / task.maps_per_summary;
  const float scale = normalizing_scale(task.summaries[group], task.scaled);
  if (at % (task.maps_per_summary * plane) == 0) task.scales[group] = scale;
  const double wide_scale = static_cast<double>(scale);
  const double least = fmax(kMinNorm * wide_scale, 1e-30);
  task.inverse[at] = static_cast<float>(1.0 / fmax(sqrt(sum) * wide_scale, least));
}

}  // namespace

void launch_energy(FeatureType type, const NormsTask& task, Stream stream) {
  with_feature_type(type, [&](auto zero) {
    launch("patch_transfer: energy", &energy_kernel<decltype(zero)>,
           task.input.maps * blocks_per_map(task.input), kThreads, 0, stream, task);
  });
}

void launch_inverse_norms(const NormsTask& task, Stream stream) {
  const std::int64_t pixels = task.input.maps * task.input.height * task.input.width;
  launch("patch_transfer: inverse norms", &inverse_norms_kernel, ceil_div(pixels, kThreads),
         kThreads, 0, stream, task);
}

}  // namespace petsgan::cuda
