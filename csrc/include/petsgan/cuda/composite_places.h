// The composite of petsgan/composite_places.h on a CUDA device: the same bits, on memory that the
// caller owns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "petsgan/composite_places.h"
#include "petsgan/cuda/patch_transfer.h"

#pragma GCC visibility push(default)
namespace petsgan::cuda {

// Bytes of scratch memory: 36 for each pixel of the canvas.
std::size_t composite_places_workspace_bytes(const CompositeShape& shape);

// As petsgan::composite_places(); `steps` are on the host, all other pointers are device pointers
// of the current device, `workspace` aligned to 256. Allocates nothing, waits for nothing and may
// be captured in a CUDA graph. Places are not checked by the host, which would need a wait: where
// one is not in the photo, all numbers of `out` are NaN.
// Throws ShapeError for sizes out of range, Error when a launch fails.
void composite_places(const CompositeShape& shape, const std::int16_t* places,
                      const std::uint8_t* photo, float screening, float softness,
                      const CompositeStep* steps, std::int64_t num_steps, float* out,
                      void* workspace, Stream stream);

}  // namespace petsgan::cuda
#pragma GCC visibility pop
