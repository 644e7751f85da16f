// Running maximum, its index, and the sum of exponentials, one query in each lane.
#pragma once

#include "cpu/similarity/kernel.h"
#include "cpu/similarity/vector.h"

namespace petsgan {
namespace {

// The lowest of `count` keys whose score in the strip is `top`, in each lane that has one.
IntVec find(const float* strip, Vec top, std::int64_t count) {
  constexpr std::int64_t kChains = 4;  // that do not wait for each other
  const IntVec none = splat_int(0x7FFFFFFF);
  IntVec found[kChains] = {none, none, none, none};
  std::int64_t k = count - 1;
  for (; (k + 1) % kChains != 0; --k) {
    found[0] = load(strip + k * kLanes) == top ? splat_int(static_cast<std::int32_t>(k)) : found[0];
  }
  IntVec key = splat_int(static_cast<std::int32_t>(k));
  for (; k >= 0; k -= kChains, key -= static_cast<std::int32_t>(kChains)) {
#pragma GCC unroll 4
    for (std::int32_t chain = 0; chain < kChains; ++chain) {
      const IntVec here = key - chain;
      found[chain] = load(strip + (k - chain) * kLanes) == top ? here : found[chain];
    }
  }
  const IntVec low = found[0] < found[1] ? found[0] : found[1];
  const IntVec high = found[2] < found[3] ? found[2] : found[3];
  return low < high ? low : high;
}

// Takes the scores of `count` keys from the strip into the running state of one query vector.
void update(const SimilarityTask& task, std::int64_t at, const float* strip, Vec top,
            std::int64_t count, std::int64_t first_key) {
  const Vec best = load(task.state.best + at);
  if (!any_greater(top, best - load(task.cutoff + at))) return;
  const Vec new_best = max(best, top);
  if (any_greater(top, best)) {
    const IntVec here = find(strip, top, count) + static_cast<std::int32_t>(first_key);
    store(task.state.index + at, top > best ? here : load(task.state.index + at));
    store(task.state.best + at, new_best);
  }
  if (!task.soft) return;
  const Vec steepness = load(task.steepness + at);
  Vec sum = load(task.state.sum + at) * exp2_nonpositive((best - new_best) * steepness);
  for (std::int64_t k = 0; k < count; ++k) {
    sum += exp2_nonpositive((load(strip + k * kLanes) - new_best) * steepness);
  }
  store(task.state.sum + at, sum);
}

void merge(const MatchState& into, const MatchState& from, const float* steepness,
           std::int64_t count) {
  for (std::int64_t at = 0; at < count; at += kLanes) {
    const Vec best_a = load(into.best + at), best_b = load(from.best + at);
    const IntVec index_a = load(into.index + at), index_b = load(from.index + at);
    const Vec best = max(best_a, best_b);
    const Vec k = load(steepness + at);
    store(into.best + at, best);
    store(into.sum + at, load(into.sum + at) * exp2_nonpositive((best_a - best) * k) +
                             load(from.sum + at) * exp2_nonpositive((best_b - best) * k));
    // Of two equal scores the lower index, as in the numpy twin.
    const IntVec take_b = (best_b > best_a) | ((best_b == best_a) & (index_b < index_a));
    store(into.index + at, take_b ? index_b : index_a);
  }
}

}  // namespace
}  // namespace petsgan
