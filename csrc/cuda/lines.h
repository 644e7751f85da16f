// A thread for every pixel of a map: each row is cut into chunks of a block's threads.
#pragma once

#include <cstdint>

#include "cuda/device.h"

namespace petsgan::cuda {

constexpr int kLineThreads = 128;

struct LinePixel {
  std::int64_t line, x;  // x may lie behind the row's end
};

inline std::int64_t line_blocks(std::int64_t lines, std::int64_t width) {
  return lines * ceil_div(width, kLineThreads);
}

// Blocks are counted in 32 bits, which makes this division the cheap one.
__device__ inline LinePixel line_pixel(std::int64_t width) {
  const auto chunks = static_cast<unsigned>(ceil_div(width, kLineThreads));
  return {blockIdx.x / chunks, std::int64_t{blockIdx.x % chunks} * kLineThreads + threadIdx.x};
}

}  // namespace petsgan::cuda
