// The part of CUDA that the kernels in csrc/cuda use, under its own names, on the CPU. Only what
// they use: a kernel that needs more adds it here.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "emu/fibers.h"
#include "petsgan/cuda/patch_transfer.h"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __syncwarp() ::petsgan::emu::sync_warp(__FILE__, __LINE__)
#define __syncthreads() ::petsgan::emu::sync_threads(__FILE__, __LINE__)

// Built-in variables.
namespace petsgan::emu {

struct ThreadIndex {
  struct X {
    operator unsigned() const { return thread_index(); }
  } x;
};

struct BlockIndex {
  struct X {
    operator unsigned() const { return block_index(); }
  } x;
};

}  // namespace petsgan::emu

inline constexpr petsgan::emu::ThreadIndex threadIdx{};
inline constexpr petsgan::emu::BlockIndex blockIdx{};

// Functions.
using std::max;
using std::min;

struct alignas(16) float4 {
  float x, y, z, w;
};

struct alignas(8) int2 {
  int x, y;
};

struct alignas(16) int4 {
  int x, y, z, w;
};

inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// Not fused where the compiler may not fuse, which the tests' build forbids.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }

// sum + the products of four signed bytes
inline int __dp4a(int a, int b, int sum) {
  for (int shift = 0; shift < 32; shift += 8) {
    sum += static_cast<std::int8_t>(a >> shift) * static_cast<std::int8_t>(b >> shift);
  }
  return sum;
}

template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  const unsigned lane = petsgan::emu::thread_index() % 32;
  bits = petsgan::emu::exchange(bits, lane ^ static_cast<unsigned>(mask));
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Of all lanes of a warp, which these always name.
inline unsigned __ballot_sync(unsigned, bool holds) {
  unsigned bits = 0;
  const auto lanes = petsgan::emu::gather(holds ? 1 : 0);
  for (unsigned k = 0; k < lanes.size(); ++k) bits |= static_cast<unsigned>(lanes[k]) << k;
  return bits;
}

inline unsigned __match_any_sync(unsigned, int value) {
  unsigned bits = 0;
  const auto lanes = petsgan::emu::gather(static_cast<unsigned>(value));
  for (unsigned k = 0; k < lanes.size(); ++k) {
    bits |= (lanes[k] == static_cast<unsigned>(value) ? 1U : 0U) << k;
  }
  return bits;
}

template <typename T>
T __reduce_min_sync(unsigned, T value) {
  for (const std::uint64_t other : petsgan::emu::gather(static_cast<unsigned>(value))) {
    value = std::min(value, static_cast<T>(other));
  }
  return value;
}

inline int __reduce_add_sync(unsigned, int value) {
  unsigned sum = 0;
  for (const std::uint64_t other : petsgan::emu::gather(static_cast<unsigned>(value))) {
    sum += static_cast<unsigned>(other);
  }
  return static_cast<int>(sum);
}

inline void atomicMax(unsigned long long* to, unsigned long long value) {
  *to = std::max(*to, value);
}

inline long long __double_as_longlong(double x) {
  long long bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline double __longlong_as_double(long long bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

#include "emu/half_floats.h"  // NOLINT

// The runtime: device memory is host memory, and every launch has finished when it returns.
using cudaError_t = int;
using cudaStream_t = petsgan::cuda::Stream;
enum : int {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorStreamCaptureUnsupported = 900,
};
enum cudaMemcpyKind { cudaMemcpyDeviceToHost };

inline const char* cudaGetErrorName(cudaError_t) { return "no CUDA error is emulated"; }
inline const char* cudaGetErrorString(cudaError_t) { return ""; }

inline cudaError_t cudaMemsetAsync(void* to, int byte, std::size_t bytes, cudaStream_t) {
  std::memset(to, byte, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                                   cudaStream_t) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
