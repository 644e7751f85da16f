// Merges the states that the splits of a query left, in a fixed order, into index and weight.
//
// A block takes 32 queries; its 8 warps each merge every 8th split of all 32, then the first warp
// merges the warps' states. Lanes are neighbouring queries, so loads are coalesced. Bound by
// reading 12 bytes for each query and split.
#include "cuda/device.h"
#include "cuda/kernels.h"

namespace petsgan::cuda {
namespace {

constexpr int kQueries = 32, kWarps = 8;

__global__ void __launch_bounds__(kQueries* kWarps) merge_kernel(MergeTask task) {
  const int lane = static_cast<int>(threadIdx.x) % kQueries;
  const int warp = static_cast<int>(threadIdx.x) / kQueries;
  const std::int64_t blocks_per_image = ceil_div(task.pixels, kQueries);
  const std::int64_t image = blockIdx.x / blocks_per_image;
  const std::int64_t pixel = blockIdx.x % blocks_per_image * kQueries + lane;
  const std::int64_t query = image * task.pixels + pixel;
  const bool active = pixel < task.pixels;
  const float steepness =
      active ? query_steepness(task.query_inverse[query], task.per_cosine) : 0.0F;

  MatchState state;
  if (active) {
    for (std::int64_t split = warp; split < task.splits; split += kWarps) {
      const std::int64_t at = (image * task.splits + split) * task.pixels + pixel;
      state = merge(state, load(task.states, at), steepness);
    }
  }
  auto* shared = reinterpret_cast<MatchState*>(dynamic_shared_memory());
  shared[threadIdx.x] = state;
  __syncthreads();
  if (warp != 0 || !active) return;
  for (int other = 1; other < kWarps; ++other) {
    state = merge(state, shared[other * kQueries + lane], steepness);
  }
  // Scales are NaN where a feature is: then no weight means anything, and no index may be found.
  const float poison = task.query_scale[image] * 0.0F + task.key_scale[0] * 0.0F;
  task.index[query] = state.index == kNoIndex ? 0 : state.index;
  task.weight[query] = (task.per_cosine > 0.0F ? 1.0F / state.sum : 1.0F) + poison;
}

}  // namespace

void launch_merge(const MergeTask& task, Stream stream) {
  launch("patch_transfer: merge", &merge_kernel, task.images * ceil_div(task.pixels, kQueries),
         kQueries * kWarps, sizeof(MatchState) * kQueries * kWarps, stream, task);
}

}  // namespace petsgan::cuda
