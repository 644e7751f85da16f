// The fused search: for every query patch the best reference patch and the sum of exponentials,
// without patches or similarities ever lying in device memory.
//
// A patch's inner product with another is the sum of pixel inner products along the diagonal of
// both rows and columns, so a block walks down the row pairs of one diagonal (key row - query row
// is constant), for a tile of query columns and one of key columns:
//
//   pixel products of the row pair (pixel_products.h) -> shared memory
//   -> sum along the columns' diagonal, 2 radius + 1 loads per patch pair
//   -> sliding sum over the last 2 radius + 1 row pairs: values in a ring in shared memory
//   -> times 1 / |key patch| -> streaming maximum, sum of exponentials and lowest index per query.
//
// Threads: 256 (tile 64) or 64 (tile 32). A thread owns one query column and every (tile / 16)-th
// key of the tile, the same ones from the first row pair to the last, so ring and running sums are
// its own and need no barrier. Lanes are neighbouring query columns: shared loads without bank
// conflicts. Grid: query images x (chunks of rows x tiles of columns) x splits of the units; see
// plan.h.
//
// By arithmetic, not by measurement: cycles of a multiprocessor (128 float32 lanes, 32 banks, 32
// bytes from L2, 16 exponentials a cycle) for one patch pair, with a window of 7, 64 channels and
// the plan for maps of 256 x 256, whose halos make it (64 / 52)^2 * 38 / 32 = 1.8 pixel products:
//
//                          float32                         16 bit
//   multiply-adds          64 * 1.8 / 128 = 0.90           tensor cores, below 0.15
//   shared: operands       64 * 1.8 * 3 / 512 = 0.67       4 * 1.8 * 12 / 512 = 0.17
//   shared: sums           12 words * 1.19 / 32 = 0.45     0.45
//   L2                     32 KiB * 1.19 / 52^2 / 32 = 0.45   0.23
//   exponentials           1 / 16 = 0.06                   0.06
//
// So shared memory is the bound for both, close to the lanes for float32. What would lower it:
// pieces of 8 x 4 for float32, and sums along the diagonal that reuse loads between keys.
//
// Numerics: sums are trees of additions, never running subtractions. The sliding sum adds the
// running sum of the current group of 2 radius + 1 row pairs to the sum of the previous group's
// last ones.
#include "cuda/device.h"
#include "cuda/feature.h"
#include "cuda/kernels.h"
#include "cuda/pixel_products.h"
#include "cuda/tile_layout.h"

namespace petsgan::cuda {
namespace {

// What a block owns, and where its shared memory lies.
struct BlockTile {
  std::int64_t image, split;
  std::int64_t row, end_row;  // queries
  std::int64_t column;        // of the first query
  float* product;
  MatchStates partial;  // [key group][query column]
  float* ring;          // [2 radius_y][out][out]
};

// One unit: see plan.h.
struct Diagonal {
  std::int64_t image;         // of the reference
  std::int64_t key_column;    // of the first key
  std::int64_t delta;         // key row - query row
  std::int64_t row, end_row;  // queries of the block that have a key on it; may be empty
};

template <int kTile>
__device__ BlockTile block_tile(const SimilarityPlan& plan) {
  BlockTile tile;
  std::int64_t rest = blockIdx.x;
  tile.split = rest % plan.splits;
  rest /= plan.splits;
  tile.column = rest % plan.query_tiles * plan.out;
  rest /= plan.query_tiles;
  tile.row = rest % plan.row_chunks * plan.rows;
  tile.end_row = min(tile.row + plan.rows, plan.query_height);
  tile.image = rest / plan.row_chunks;
  return tile;
}

template <typename Feature, int kTile>
__device__ void place_shared_memory(BlockTile& tile) {
  unsigned char* shared = dynamic_shared_memory();
  tile.product = reinterpret_cast<float*>(shared);
  shared += Slice<Feature, kTile>::kProductBytes;
  constexpr int kStates = Tile<kTile>::kGroups * kTile;
  tile.partial.best = reinterpret_cast<float*>(shared);
  tile.partial.sum = tile.partial.best + kStates;
  tile.partial.index = reinterpret_cast<std::int32_t*>(tile.partial.sum + kStates);
  tile.ring = reinterpret_cast<float*>(shared + Tile<kTile>::kPartialBytes);
}

__device__ Diagonal unit_diagonal(const SimilarityPlan& plan, const BlockTile& tile,
                                  std::int64_t unit) {
  Diagonal diagonal;
  diagonal.delta = unit % plan.diagonals - (tile.row + plan.rows - 1);
  unit /= plan.diagonals;
  diagonal.key_column = unit % plan.key_tiles * plan.out;
  diagonal.image = unit / plan.key_tiles;
  diagonal.row = max(tile.row, -diagonal.delta);
  diagonal.end_row = min(tile.end_row, plan.key_height - diagonal.delta);
  return diagonal;
}

// The column of this thread within the tile, and its first key.
template <int kTile>
__device__ int thread_column() {
  return static_cast<int>(threadIdx.x) % kTile;
}

template <int kTile>
__device__ int thread_group() {
  return static_cast<int>(threadIdx.x) / kTile;
}

template <typename Feature>
__device__ FeatureRow<Feature> feature_row(const void* features, std::int64_t image,
                                           std::int64_t channels, std::int64_t height,
                                           std::int64_t width, std::int64_t row, float scale) {
  const auto* data = static_cast<const Feature*>(features);
  return {data + (image * channels * height + row) * width, height * width, width, scale};
}

// Adds to sums[i], for the thread's i-th key, the products of the row pair along the columns'
// diagonal. Several product tiles where the window is too wide for the halo of one.
template <typename Feature, int kTile>
__device__ void add_row_pair(const SimilarityTask& task, const BlockTile& tile,
                             const Diagonal& diagonal, std::int64_t row, float* sums) {
  const SimilarityPlan& plan = task.plan;
  const auto query = feature_row<Feature>(task.query, tile.image, plan.channels, plan.query_height,
                                          plan.query_width, row, task.query_scale[tile.image]);
  const auto key = feature_row<Feature>(task.keys, diagonal.image, plan.channels, plan.key_height,
                                        plan.key_width, row + diagonal.delta, task.key_scale[0]);
  const int column = thread_column<kTile>(), group = thread_group<kTile>();
  for (int shift = -plan.radius_x; shift <= plan.radius_x; shift += plan.shifts) {
    multiply_rows<Feature, kTile>(query, tile.column + shift, key, diagonal.key_column + shift,
                                  plan.channels, tile.product);
    __syncthreads();
    const int count = min(plan.shifts, plan.radius_x - shift + 1);
#pragma unroll
    for (int i = 0; i < kKeysPerThread; ++i) {
      const int k = group + i * Tile<kTile>::kGroups;
      if (k >= plan.out || column >= plan.out) continue;
      const float* from = tile.product + k * Tile<kTile>::kProductStride + column;
      for (int s = 0; s < count; ++s) sums[i] += from[s * (Tile<kTile>::kProductStride + 1)];
    }
    __syncthreads();
  }
}

// Sums over the last 2 radius + 1 row pairs, without subtraction. Row pairs come in groups of
// 2 radius + 1. While one is read, slot t - 1 of the ring still holds the sum of row pairs t to
// 2 radius of the group before; each slot is replaced by a row pair of its own once it was used.
template <int kTile>
class SlidingSum {
 public:
  __device__ SlidingSum(const SimilarityPlan& plan, float* ring)
      : ring_(ring), radius_(plan.radius_y), out_(plan.out) {}

  // Replaces sums, of one row pair, by the sums of the last 2 radius + 1.
  __device__ void slide(float* sums) {
    const int column = thread_column<kTile>(), group = thread_group<kTile>();
    const int slots = 2 * radius_, slot_size = out_ * out_;
#pragma unroll
    for (int i = 0; i < kKeysPerThread; ++i) {
      const int k = group + i * Tile<kTile>::kGroups;
      if (k >= out_ || column >= out_) continue;
      float* slot = ring_ + k * out_ + column;
      const float row_pair = sums[i];
      running_[i] = (phase_ == 0 ? 0.0F : running_[i]) + row_pair;
      const float before = full_ && phase_ < slots ? slot[phase_ * slot_size] : 0.0F;
      sums[i] = running_[i] + before;
      if (phase_ > 0) slot[(phase_ - 1) * slot_size] = row_pair;
      if (phase_ == slots) {
        for (int s = slots - 2; s >= 0; --s) slot[s * slot_size] += slot[(s + 1) * slot_size];
      }
    }
    full_ = full_ || phase_ == slots;
    phase_ = phase_ == slots ? 0 : phase_ + 1;
  }

 private:
  float* ring_;
  const int radius_, out_;
  int phase_ = 0;      // row pairs of the current group so far
  bool full_ = false;  // there is a group before
  float running_[kKeysPerThread] = {};
};

// The state of the thread's own keys for query row `row`. Scores lack the query's norm.
template <int kTile>
__device__ MatchState score_keys(const SimilarityTask& task, const Diagonal& diagonal,
                                 std::int64_t row, float steepness, float* scores) {
  const SimilarityPlan& plan = task.plan;
  const std::int64_t first =
      (diagonal.image * plan.key_height + row + diagonal.delta) * plan.key_width +
      diagonal.key_column;
  const auto keys = static_cast<int>(
      min(static_cast<std::int64_t>(plan.out), plan.key_width - diagonal.key_column));
  MatchState state;
#pragma unroll
  for (int i = 0; i < kKeysPerThread; ++i) {
    const int k = thread_group<kTile>() + i * Tile<kTile>::kGroups;
    if (k >= keys) continue;
    scores[i] *= task.key_inverse[first + k];
    if (scores[i] > state.best) {
      state.best = scores[i];
      state.index = static_cast<std::int32_t>(first + k);
    }
  }
#pragma unroll
  for (int i = 0; i < kKeysPerThread; ++i) {
    const int k = thread_group<kTile>() + i * Tile<kTile>::kGroups;
    if (k < keys) state.sum += exp2f((scores[i] - state.best) * steepness);
  }
  return state;
}

// Merges the key groups of every query of the row, in order, into the block's states in device
// memory. Always the same thread does it for a query, so no fence is needed.
template <int kTile>
__device__ void merge_groups(const BlockTile& tile, const MatchStates& states, std::int64_t at,
                             float steepness) {
  MatchState state = load(states, at);
  for (int group = 0; group < Tile<kTile>::kGroups; ++group) {
    state = merge(state, load(tile.partial, group * kTile + thread_column<kTile>()), steepness);
  }
  store(states, at, state);
}

template <int kTile>
__device__ void match_row(const SimilarityTask& task, const BlockTile& tile,
                          const Diagonal& diagonal, std::int64_t row, float* scores) {
  const SimilarityPlan& plan = task.plan;
  const int column = thread_column<kTile>(), group = thread_group<kTile>();
  const std::int64_t pixel = row * plan.query_width + tile.column + column;
  const std::int64_t pixels = plan.query_height * plan.query_width;
  const bool active = column < plan.out && tile.column + column < plan.query_width;
  float steepness = 0.0F;
  if (active) {
    steepness = query_steepness(task.query_inverse[tile.image * pixels + pixel], task.per_cosine);
    store(tile.partial, group * kTile + column,
          score_keys<kTile>(task, diagonal, row, steepness, scores));
  }
  __syncthreads();
  if (active && group == 0) {
    merge_groups<kTile>(tile, task.states, (tile.image * plan.splits + tile.split) * pixels + pixel,
                        steepness);
  }
  __syncthreads();
}

template <typename Feature, int kTile>
__device__ void walk_diagonal(const SimilarityTask& task, const BlockTile& tile,
                              const Diagonal& diagonal) {
  const std::int64_t radius = task.plan.radius_y;
  // Rows that both maps have; beyond them row pairs contribute nothing.
  const std::int64_t first = max(std::int64_t{0}, -diagonal.delta);
  const std::int64_t end = min(task.plan.query_height, task.plan.key_height - diagonal.delta);
  SlidingSum<kTile> sliding(task.plan, tile.ring);
  for (std::int64_t row = max(first, diagonal.row - radius); row < diagonal.end_row + radius;
       ++row) {
    float sums[kKeysPerThread] = {};
    if (row < end) add_row_pair<Feature, kTile>(task, tile, diagonal, row, sums);
    sliding.slide(sums);
    const std::int64_t centre = row - radius;
    if (centre >= diagonal.row) match_row<kTile>(task, tile, diagonal, centre, sums);
  }
}

template <int kTile>
__device__ void clear_states(const SimilarityTask& task, const BlockTile& tile) {
  const SimilarityPlan& plan = task.plan;
  const std::int64_t x = tile.column + thread_column<kTile>();
  if (thread_group<kTile>() != 0 || thread_column<kTile>() >= plan.out || x >= plan.query_width) {
    return;
  }
  const std::int64_t image = tile.image * plan.splits + tile.split;
  for (std::int64_t y = tile.row; y < tile.end_row; ++y) {
    store(task.states, (image * plan.query_height + y) * plan.query_width + x, MatchState{});
  }
}

template <typename Feature, int kTile>
__global__ void __launch_bounds__(Tile<kTile>::kThreads, Tile<kTile>::kBlocks)
    similarity_kernel(SimilarityTask task) {
  BlockTile tile = block_tile<kTile>(task.plan);
  place_shared_memory<Feature, kTile>(tile);
  clear_states<kTile>(task, tile);
  for (std::int64_t unit = tile.split; unit < task.plan.units; unit += task.plan.splits) {
    const Diagonal diagonal = unit_diagonal(task.plan, tile, unit);
    if (diagonal.row < diagonal.end_row) walk_diagonal<Feature, kTile>(task, tile, diagonal);
  }
}

}  // namespace

void launch_similarity(FeatureType type, const SimilarityTask& task, std::int64_t images,
                       Stream stream) {
  const SimilarityPlan& plan = task.plan;
  with_feature_type(type, [&](auto zero) {
    using Feature = decltype(zero);
    const auto kernel =
        plan.tile == 64 ? &similarity_kernel<Feature, 64> : &similarity_kernel<Feature, 32>;
    launch("patch_transfer: similarity", kernel, images * blocks_per_image(plan),
           block_threads(plan.tile), plan.shared_bytes, stream, task);
  });
}

}  // namespace petsgan::cuda
