// Small kernels that show what the emulation of CUDA promises; see test_emulation.py.
#include <string>

#include "cuda/device.h"

namespace {

struct Task {
  float* out;
};

void shared_memory_starts_as_nan(Task task) {
  const auto* shared = reinterpret_cast<const float*>(petsgan::cuda::dynamic_shared_memory());
  task.out[threadIdx.x] = shared[threadIdx.x];
}

void neighbours_exchange(Task task) {
  auto* shared = reinterpret_cast<float*>(petsgan::cuda::dynamic_shared_memory());
  const unsigned self = threadIdx.x;
  shared[self] = static_cast<float>(self + 100 * blockIdx.x);
  __syncthreads();
  task.out[64 * blockIdx.x + self] = shared[63 - self];
}

void neighbours_exchange_too_early(Task task) {
  auto* shared = reinterpret_cast<float*>(petsgan::cuda::dynamic_shared_memory());
  const unsigned self = threadIdx.x;
  shared[self] = static_cast<float>(self + 100 * blockIdx.x);
  task.out[64 * blockIdx.x + self] = shared[63 - self];
}

void warps_exchange(Task task) {
  int value = static_cast<int>(threadIdx.x);
  for (int mask = 1; mask < 32; mask *= 2)
    value = max(value, __shfl_xor_sync(0xFFFFFFFFU, value, mask));
  task.out[threadIdx.x] = static_cast<float>(value);
}

void warps_agree(Task task) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int found = __reduce_add_sync(0xFFFFFFFFU, lane * lane);
  found += __reduce_min_sync(0xFFFFFFFFU, lane * lane);
  found += __popc(__ballot_sync(0xFFFFFFFFU, lane % 3 == 0));
  found += __popc(__match_any_sync(0xFFFFFFFFU, lane % 5));
  task.out[threadIdx.x] = static_cast<float>(found);
}

void warp_barrier(Task task) {
  auto* shared = reinterpret_cast<float*>(petsgan::cuda::dynamic_shared_memory());
  const unsigned self = threadIdx.x;
  shared[self] = static_cast<float>(self);
  __syncwarp();
  task.out[self] = shared[self / 32 * 32 + 31 - self % 32];
}

void barrier_for_some(Task) {
  if (threadIdx.x < 3) __syncthreads();
}

void different_barriers(Task) {
  if (threadIdx.x < 3) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

void shuffle_for_some(Task task) {
  if (threadIdx.x != 5) task.out[threadIdx.x] = __shfl_xor_sync(0xFFFFFFFFU, 1.0F, 1);
}

constexpr void (*kKernels[])(Task) = {
    shared_memory_starts_as_nan,
    neighbours_exchange,
    neighbours_exchange_too_early,
    warps_exchange,
    warps_agree,
    warp_barrier,
    barrier_for_some,
    different_barriers,
    shuffle_for_some,
};

}  // namespace

extern "C" const char* selftest(int kernel, std::uint64_t seed, float* out) {
  static std::string message;
  message.clear();
  try {
    petsgan::emu::set_seed(seed);
    petsgan::cuda::launch("selftest", kKernels[kernel], 2, 64, 64 * sizeof(float), nullptr,
                          Task{out});
  } catch (const petsgan::Error& error) {
    message = error.what();
  }
  return message.c_str();
}
