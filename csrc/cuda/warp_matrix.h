// 16 x 32 float32 products that one warp accumulates from 16-bit features: on the tensor cores, or
// plainly where the kernels are emulated on the CPU. All 32 lanes must call together.
#pragma once

#include "cuda/feature.h"

#ifndef PETSGAN_EMULATED_CUDA
#include <mma.h>
#endif

namespace petsgan::cuda {

constexpr int kMatrixSide = 16;

// Both operands lie in shared memory as [channel][column]: element (k, m) of keys at
// keys[k * stride + m]. Pointers are aligned to 32 bytes, strides to 16.
#ifndef PETSGAN_EMULATED_CUDA
template <typename Feature>
class WarpMatrix {
 public:
  __device__ WarpMatrix() {
    nvcuda::wmma::fill_fragment(sums_[0], 0.0F);
    nvcuda::wmma::fill_fragment(sums_[1], 0.0F);
  }

  // Adds the products of 16 key columns with 32 query columns over 16 channels.
  __device__ void multiply_add(const Feature* keys, const Feature* queries, int stride) {
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, Feature, nvcuda::wmma::col_major> a;
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 16, Feature, nvcuda::wmma::row_major> b;
    const auto step = static_cast<unsigned>(stride);
    nvcuda::wmma::load_matrix_sync(a, keys, step);
    for (int half = 0; half < 2; ++half) {
      nvcuda::wmma::load_matrix_sync(b, queries + half * kMatrixSide, step);
      nvcuda::wmma::mma_sync(sums_[half], a, b, sums_[half]);
    }
  }

  // Writes product (key m, query n) to out[m * stride + n].
  __device__ void store(float* out, int stride) const {
    for (int half = 0; half < 2; ++half) {
      nvcuda::wmma::store_matrix_sync(out + half * kMatrixSide, sums_[half],
                                      static_cast<unsigned>(stride), nvcuda::wmma::mem_row_major);
    }
  }

 private:
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> sums_[2];
};
#else
template <typename Feature>
class WarpMatrix {
 public:
  void multiply_add(const Feature* keys, const Feature* queries, int stride) {
    for (int i = 0; i < kPerLane; ++i) {
      for (int k = 0; k < kMatrixSide; ++k) {
        sums_[i] += to_float(keys[k * stride + row(i)]) * to_float(queries[k * stride + lane()]);
      }
    }
  }

  void store(float* out, int stride) const {
    for (int i = 0; i < kPerLane; ++i) out[row(i) * stride + lane()] = sums_[i];
  }

 private:
  // Here a lane owns one of the 32 query columns; on the GPU the hardware decides.
  static constexpr int kPerLane = kMatrixSide;
  static int row(int i) { return i; }
  static int lane() { return static_cast<int>(threadIdx.x % 32); }

  float sums_[kPerLane] = {};
};
#endif

}  // namespace petsgan::cuda
