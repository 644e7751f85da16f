// The most multiply-adds that one core can do: the yardstick of the benchmarks.
#pragma once

#include "cpu/similarity/vector.h"

namespace petsgan {
namespace {

// Independent chains in registers, enough of them to hide the latency of an addition.
std::int64_t multiply_add_loop(std::int64_t iterations) {
  constexpr int kChains = 12;
  Vec sum[kChains] = {};
  Vec a = splat(1.0F), b = splat(0.5F);
  for (std::int64_t i = 0; i < iterations; ++i) {
    // The compiler must not see that every iteration adds the same.
    asm volatile("" : "+m"(a), "+m"(b));
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
#pragma GCC unroll 12
      for (int chain = 0; chain < kChains; ++chain) sum[chain] += a * b;
    }
  }
  Vec total = sum[0];
  for (int chain = 1; chain < kChains; ++chain) total += sum[chain];
  asm volatile("" : : "m"(total));
  return iterations * 8 * kChains * kLanes;
}

}  // namespace
}  // namespace petsgan
