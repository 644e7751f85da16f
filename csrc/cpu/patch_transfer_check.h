// What patch transfer and its gradient ask of their arguments.
#pragma once

#include <string>

#include "cpu/parallel.h"
#include "petsgan/patch_transfer.h"

namespace petsgan {

// Throws ShapeError or ConfigError with a message that starts with `op`.
void check_patch_transfer(const PatchQuery& query, const PatchTransferOptions& options,
                          const std::string& op);

Parallel parallel_of(const PatchTransferOptions& options);

}  // namespace petsgan
