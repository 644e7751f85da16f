#include "ort/executor.h"

namespace petsgan::ort {
namespace {

using Run = std::function<void(std::int64_t task)>;

void run_task(void* run, std::size_t task) {
  (*static_cast<const Run*>(run))(static_cast<std::int64_t>(task));
}

}  // namespace

void KernelExecutor::parallel_for(std::int64_t num_tasks, const Run& run) {
  constexpr std::size_t kOneByOne = 0;  // tasks differ in cost: each to the thread that is free
  api_.check(kKernelContext_ParallelFor, context_, &run_task, static_cast<std::size_t>(num_tasks),
             kOneByOne, const_cast<Run*>(&run));
}

}  // namespace petsgan::ort
