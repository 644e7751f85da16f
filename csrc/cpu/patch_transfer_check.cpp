#include "cpu/patch_transfer_check.h"

#include <algorithm>
#include <cmath>

#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr int kMaxThreads = 256;  // more would only cost memory

}  // namespace

void check_patch_transfer(const PatchQuery& query, const PatchTransferOptions& options,
                          const std::string& op) {
  if (query.batch < 0 || query.height < 1 || query.width < 1) {
    throw ShapeError(op + ": query must have height and width of at least 1, got " +
                     std::to_string(query.height) + " x " + std::to_string(query.width));
  }
  if (!std::isfinite(options.temperature) || options.temperature < 0.0) {
    throw ConfigError(op + ": temperature must be finite and >= 0, got " +
                      std::to_string(options.temperature));
  }
  if (options.threads < 1) {
    throw ConfigError(op + ": threads must be at least 1, got " + std::to_string(options.threads));
  }
}

Parallel parallel_of(const PatchTransferOptions& options) {
  return {std::min(options.threads, kMaxThreads), options.executor};
}

}  // namespace petsgan
