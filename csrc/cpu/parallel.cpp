#include "cpu/parallel.h"

#include <exception>

#include "cpu/thread_pool.h"

namespace petsgan {

void Parallel::operator()(std::int64_t num_tasks,
                          const std::function<void(std::int64_t task)>& run) const {
  if (executor == nullptr) {
    parallel_for(num_tasks, threads, [&run](std::int64_t task, int) { run(task); });
    return;
  }
  // Foreign pools do not carry exceptions.
  std::mutex mutex;
  std::exception_ptr failure;
  executor->parallel_for(num_tasks, [&](std::int64_t task) {
    try {
      run(task);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace petsgan
