// The inner products of kTile query pixels with kTile key pixels, all of one row each.
//
// The channels pass through shared memory in slices of [channel][column], as they lie in device
// memory, so that a warp loads neighbouring addresses. No vector loads there: a tile starts at any
// column, and columns outside the map are 0.
//
// float32: each thread keeps a 4 x 4 piece in registers; two 16-byte shared loads feed 16
// multiply-adds. The pieces of a warp lie in 2 or 4 rows, so its loads are 3 (tile 64) or 2
// wavefronts for 16 multiply-add instructions, which take 4 cycles of a multiprocessor: the float32
// lanes are the bound, and the load unit is busy up to three quarters of the time.
//
// float16 and bfloat16: each warp keeps a 16 x 32 piece on the tensor cores (warp_matrix.h).
#pragma once

#include "cuda/feature.h"
#include "cuda/tile_layout.h"
#include "cuda/warp_matrix.h"

namespace petsgan::cuda {

// One row of a feature map: channel c of column x at data[c * plane + x], for 0 <= x < width.
template <typename Feature>
struct FeatureRow {
  const Feature* data;
  std::int64_t plane;
  std::int64_t width;
  float scale;
};

// Columns [left, left + kTile) of channels [first, first + slice) to `slice`.
template <typename Feature, int kTile>
__device__ void load_slice(const FeatureRow<Feature>& row, std::int64_t left, std::int64_t first,
                           std::int64_t channels, Feature* slice) {
  constexpr int kStride = Slice<Feature, kTile>::kStride;
  for (int i = static_cast<int>(threadIdx.x); i < Slice<Feature, kTile>::kChannels * kTile;
       i += Tile<kTile>::kThreads) {
    const int c = i / kTile, x = i % kTile;
    const std::int64_t channel = first + c, column = left + x;
    const bool inside = channel < channels && column >= 0 && column < row.width;
    slice[c * kStride + x] =
        inside ? from_float<Feature>(to_float(row.data[channel * row.plane + column]) * row.scale)
               : from_float<Feature>(0.0F);
  }
}

// This thread's (float32) or warp's (16-bit) piece of the product.
template <typename Feature, int kTile>
class ProductPiece {
 public:
  __device__ void add_slice(const Feature* keys, const Feature* queries) {
    constexpr int kStride = Slice<Feature, kTile>::kStride;
    for (int k = 0; k < Slice<Feature, kTile>::kChannels; k += kMatrixSide) {
      matrix_.multiply_add(keys + k * kStride + top(), queries + k * kStride + left(), kStride);
    }
  }

  __device__ void store(float* product) const {
    matrix_.store(product + top() * Tile<kTile>::kProductStride + left(),
                  Tile<kTile>::kProductStride);
  }

 private:
  static constexpr int kAcross = kTile / 32;  // warps side by side

  __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
  __device__ static int top() { return warp() / kAcross * kMatrixSide; }
  __device__ static int left() { return warp() % kAcross * 32; }

  WarpMatrix<Feature> matrix_;
};

template <int kTile>
class ProductPiece<float, kTile> {
 public:
  __device__ void add_slice(const float* keys, const float* queries) {
    constexpr int kStride = Slice<float, kTile>::kStride;
    for (int c = 0; c < Slice<float, kTile>::kChannels; ++c) {
      const float4 q = *reinterpret_cast<const float4*>(queries + c * kStride + left());
      const float4 k = *reinterpret_cast<const float4*>(keys + c * kStride + top());
      const float q_at[kPiece] = {q.x, q.y, q.z, q.w}, k_at[kPiece] = {k.x, k.y, k.z, k.w};
#pragma unroll
      for (int i = 0; i < kPiece; ++i) {
#pragma unroll
        for (int j = 0; j < kPiece; ++j) sums_[i][j] += k_at[i] * q_at[j];
      }
    }
  }

  __device__ void store(float* product) const {
#pragma unroll
    for (int i = 0; i < kPiece; ++i) {
      float* row = product + (top() + i) * Tile<kTile>::kProductStride + left();
      *reinterpret_cast<float4*>(row) =
          make_float4(sums_[i][0], sums_[i][1], sums_[i][2], sums_[i][3]);
    }
  }

 private:
  static constexpr int kAcross = kTile / kPiece;  // threads side by side

  __device__ static int top() { return static_cast<int>(threadIdx.x) / kAcross * kPiece; }
  __device__ static int left() { return static_cast<int>(threadIdx.x) % kAcross * kPiece; }

  float sums_[kPiece][kPiece] = {};
};

// Writes to product[k * product_stride + x] the inner product of query column query_left + x with
// key column key_left + k. Shared memory at `product` must be free on entry; the product is ready
// after the caller's next barrier.
template <typename Feature, int kTile>
__device__ void multiply_rows(const FeatureRow<Feature>& query, std::int64_t query_left,
                              const FeatureRow<Feature>& key, std::int64_t key_left,
                              std::int64_t channels, float* product) {
  constexpr int kSlice = Slice<Feature, kTile>::kChannels;
  auto* queries = reinterpret_cast<Feature*>(product);
  Feature* keys = queries + kSlice * Slice<Feature, kTile>::kStride;
  ProductPiece<Feature, kTile> piece;
  for (std::int64_t first = 0; first < channels; first += kSlice) {
    load_slice<Feature, kTile>(query, query_left, first, channels, queries);
    load_slice<Feature, kTile>(key, key_left, first, channels, keys);
    __syncthreads();
    piece.add_slice(keys, queries);
    __syncthreads();
  }
  piece.store(product);
}

}  // namespace petsgan::cuda
