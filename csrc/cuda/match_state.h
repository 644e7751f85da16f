// What a query knows about the keys it has met: the best score, which key had it, and the sum of
// exponentials relative to it.
#pragma once

#include <cmath>
#include <cstdint>

#include "cuda/device.h"

namespace petsgan::cuda {

constexpr std::int32_t kNoIndex = 0x7FFFFFFF;

struct MatchState {
  float best = -INFINITY;
  float sum = 0.0F;  // of exp2((score - best) * steepness); 0 when nothing was met
  std::int32_t index = kNoIndex;
};

// States of many queries, one array for each member so that neighbouring threads read neighbours.
struct MatchStates {
  float* best;
  float* sum;
  std::int32_t* index;
};

__device__ inline MatchState load(const MatchStates& states, std::int64_t at) {
  return {states.best[at], states.sum[at], states.index[at]};
}

__device__ inline void store(const MatchStates& states, std::int64_t at, const MatchState& state) {
  states.best[at] = state.best;
  states.sum[at] = state.sum;
  states.index[at] = state.index;
}

// Of equal scores the lower index wins. An empty state has a sum of 0 and must not take part in the
// arithmetic: the difference of two infinities is NaN.
__device__ inline MatchState merge(const MatchState& a, const MatchState& b, float steepness) {
  const bool b_wins = b.best > a.best || (b.best == a.best && b.index < a.index);
  MatchState winner = b_wins ? b : a;
  const float other_best = b_wins ? a.best : b.best, other_sum = b_wins ? a.sum : b.sum;
  if (other_sum != 0.0F) winner.sum += other_sum * exp2f((other_best - winner.best) * steepness);
  return winner;
}

// How fast a weight falls with the score, in powers of two: scores lack the query's own norm.
__device__ inline float query_steepness(float inverse_norm, float per_cosine) {
  return fminf(inverse_norm * per_cosine, 1e30F);  // finite, so that 0 * steepness is 0
}

}  // namespace petsgan::cuda
