// The features of petsgan/place_features.h on a CUDA device: the same bytes, on memory that the
// caller owns.
#pragma once

#include <cstdint>

#include "petsgan/cuda/patch_transfer.h"
#include "petsgan/place_features.h"

#pragma GCC visibility push(default)
namespace petsgan::cuda {

// As petsgan::place_features(); `basis` and `bias` are on the host, `image` and `out` device
// pointers of the current device, `out` aligned to 8 bytes. One launch: allocates nothing, waits
// for nothing and may be captured in a CUDA graph. Throws ShapeError and ConfigError for sizes and
// a shift out of range, Error when the launch fails.
void place_features(const FeatureShape& shape, const std::uint8_t* image, const std::int16_t* basis,
                    const std::int32_t* bias, int shift, std::int8_t* out, Stream stream);

}  // namespace petsgan::cuda
#pragma GCC visibility pop
