// Tasks on the caller's executor where there is one, else on the shared pool; and scratch memory
// for them, which need not know on how many threads they run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "petsgan/executor.h"

namespace petsgan {

struct Parallel {
  int threads = 1;
  Executor* executor = nullptr;

  // Calls run(task) for every task in [0, num_tasks). Rethrows the first exception.
  void operator()(std::int64_t num_tasks, const std::function<void(std::int64_t task)>& run) const;
};

// Objects of type T that tasks use one after the other: as many as there are tasks at one time.
template <typename T>
class ScratchList {
 public:
  explicit ScratchList(std::function<std::unique_ptr<T>()> make) : make_(std::move(make)) {}

  std::unique_ptr<T> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<T> item = std::move(free_.back());
        free_.pop_back();
        return item;
      }
    }
    return make_();
  }

  void give_back(std::unique_ptr<T> item) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(item));
  }

 private:
  const std::function<std::unique_ptr<T>()> make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace petsgan
