#include <algorithm>
#include <chrono>

#include "cpu/similarity/kernel.h"
#include "petsgan/build_info.h"

namespace petsgan {

double multiply_add_peak() {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kIterations = 200000;  // some milliseconds
  double best = 0.0;
  for (int repetition = 0; repetition < 10; ++repetition) {
    const Clock::time_point start = Clock::now();
    const std::int64_t done = similarity_kernel(1).multiply_add_loop(kIterations);
    const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
    best = std::max(best, 2.0 * static_cast<double>(done) / taken.count());
  }
  return best;
}

}  // namespace petsgan
