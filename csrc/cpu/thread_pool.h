// A process-wide pool of threads that sleep when there is nothing to do.
#pragma once

#include <cstdint>
#include <functional>

namespace petsgan {

// Calls run(task, slot) once for every task in [0, num_tasks), on at most `threads` threads, the
// calling one included. `slot` < threads is unique among calls that run at the same time, for
// scratch memory. Which thread takes which task is not fixed: results must not depend on it.
// Several threads may call this at once. Rethrows the first exception of a task.
void parallel_for(std::int64_t num_tasks, int threads,
                  const std::function<void(std::int64_t task, int slot)>& run);

}  // namespace petsgan
