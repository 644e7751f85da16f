// A thread pool handed in by the caller, so that a library that already owns one is not slowed down
// by a second.
#pragma once

#include <cstdint>
#include <functional>

namespace petsgan {

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  // Calls run(task) once for every task in [0, num_tasks), in any order, on any threads, and
  // returns when all are done. `run` does not throw.
  virtual void parallel_for(std::int64_t num_tasks,
                            const std::function<void(std::int64_t task)>& run) = 0;
};

}  // namespace petsgan
