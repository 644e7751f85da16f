// The thread pool of the runtime's session, as an Executor.
#pragma once

#include "ort/api.h"
#include "petsgan/executor.h"

namespace petsgan::ort {

// Lives during one call of the node.
class KernelExecutor final : public Executor {
 public:
  KernelExecutor(const Api& api, const OrtKernelContext* context) : api_(api), context_(context) {}

  void parallel_for(std::int64_t num_tasks,
                    const std::function<void(std::int64_t task)>& run) override;

 private:
  const Api& api_;
  const OrtKernelContext* context_;
};

}  // namespace petsgan::ort
