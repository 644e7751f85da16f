// The one place where nvcc and the emulation on the CPU (csrc/emu) differ: how a kernel is launched
// and where its shared memory lies. All else that the kernels use has its CUDA name in both.
#pragma once

#ifdef PETSGAN_EMULATED_CUDA
#include "emu/cuda_on_cpu.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

#include <cstddef>
#include <cstdint>

#include "cuda/check.h"
#include "petsgan/cuda/patch_transfer.h"

namespace petsgan::cuda {

#ifndef PETSGAN_EMULATED_CUDA
// Shared memory beyond the 48 KiB that every kernel may use has to be asked for.
constexpr std::size_t kSharedWithoutAsking = 48 * 1024;

__device__ inline unsigned char* dynamic_shared_memory() {
  extern __shared__ __align__(128) unsigned char petsgan_shared[];
  return petsgan_shared;
}

template <typename Task>
void launch(const char* name, void (*kernel)(Task), std::int64_t blocks, int threads,
            std::size_t shared_bytes, Stream stream, const Task& task) {
  if (shared_bytes > kSharedWithoutAsking) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared_bytes)),
          name);
  }
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), shared_bytes, stream>>>(
      task);
  check(cudaGetLastError(), name);
}
#else
inline unsigned char* dynamic_shared_memory() { return emu::shared_memory(); }

template <typename Task>
void launch(const char*, void (*kernel)(Task), std::int64_t blocks, int threads,
            std::size_t shared_bytes, Stream, const Task& task) {
  emu::run_grid(blocks, threads, shared_bytes, [kernel, &task] { kernel(task); });
}
#endif

__host__ __device__ constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace petsgan::cuda
