#include "cpu/thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

namespace petsgan {
namespace {

// One parallel_for. Helpers hold it by shared_ptr, since one may wake after the caller has left;
// such a helper finds no task left and never touches `run`.
class Job {
 public:
  Job(std::int64_t num_tasks, const std::function<void(std::int64_t, int)>& run)
      : num_tasks_(num_tasks), run_(run) {}

  void work() {
    std::unique_lock lock(mutex_);
    const int slot = next_slot_++;
    while (next_task_ < num_tasks_) {
      const std::int64_t task = next_task_++;
      lock.unlock();
      std::exception_ptr failure;
      try {
        run_(task, slot);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure && !failure_) {
        failure_ = failure;
        finished_ += num_tasks_ - next_task_;  // the rest is not started
        next_task_ = num_tasks_;
      }
      if (++finished_ == num_tasks_) done_.notify_all();
    }
  }

  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return finished_ == num_tasks_; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  const std::int64_t num_tasks_;
  const std::function<void(std::int64_t, int)>& run_;
  std::int64_t next_task_ = 0;
  std::int64_t finished_ = 0;
  int next_slot_ = 0;
  std::exception_ptr failure_;
};

class ThreadPool {
 public:
  // Offers the job to `helpers` workers, or to as many as the system lets this process have.
  void submit(const std::shared_ptr<Job>& job, int helpers) {
    {
      const std::lock_guard lock(mutex_);
      while (num_workers_ < helpers && start_worker()) ++num_workers_;
      queue_.insert(queue_.end(), static_cast<std::size_t>(std::min(helpers, num_workers_)), job);
    }
    wake_.notify_all();
  }

  const pid_t owner = getpid();

 private:
  // False where a limit on threads or memory refuses one. The caller works itself, so that a job
  // without helpers is only slower; the next job tries again.
  bool start_worker() {
    try {
      std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      return false;
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return !queue_.empty(); });
      const std::shared_ptr<Job> job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      job->work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  int num_workers_ = 0;
};

// Never destroyed, since its threads sleep until the process ends. A forked child has none of them
// and may hold locked mutexes, so it gets a pool of its own; finding it takes no lock, which
// another thread could have held at the fork.
ThreadPool& shared_pool() {
  static std::atomic<ThreadPool*> shared{nullptr};
  ThreadPool* found = shared.load(std::memory_order_acquire);
  if (found != nullptr && found->owner == getpid()) return *found;
  auto made = std::make_unique<ThreadPool>();
  // Where another thread was faster, `found` is its pool from here on.
  if (shared.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *found;
}

}  // namespace

void parallel_for(std::int64_t num_tasks, int threads,
                  const std::function<void(std::int64_t task, int slot)>& run) {
  const auto used = static_cast<int>(std::min<std::int64_t>(threads, num_tasks));
  if (used <= 1) {
    for (std::int64_t task = 0; task < num_tasks; ++task) run(task, 0);
    return;
  }
  const auto job = std::make_shared<Job>(num_tasks, run);
  shared_pool().submit(job, used - 1);
  job->work();
  job->wait();
}

}  // namespace petsgan
