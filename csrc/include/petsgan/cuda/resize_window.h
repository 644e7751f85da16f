// The resize of petsgan/resize_window.h on a CUDA device: the same contract on memory that the
// caller owns.
#pragma once

#include "petsgan/cuda/patch_transfer.h"
#include "petsgan/resize_window.h"

#pragma GCC visibility push(default)
namespace petsgan::cuda {

// `source` and `out` are device pointers of the current device. Allocates nothing, waits for
// nothing and may be captured in a CUDA graph. Throws as petsgan::resize_window() does, ShapeError
// also for results beyond what one launch can make, and Error when the launch fails.
void resize_window(const ResizeShape& shape, const float* source, float* out, Stream stream);

}  // namespace petsgan::cuda
#pragma GCC visibility pop
