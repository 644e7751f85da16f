// The correction of petsgan/correct_places.h on a CUDA device: the same places, on memory that the
// caller owns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "petsgan/correct_places.h"
#include "petsgan/cuda/patch_transfer.h"

#pragma GCC visibility push(default)
namespace petsgan::cuda {

// Of a photo: the arrays whose numbers are checked.
enum class PlaceArray { kAlike, kPrices };

// Waits for `stream` and returns the position of the first place of `alike` that is not within its
// level, or of the first price that is too far from 0; -1 if there is none. All pointers of the
// photo are device pointers, its features aligned to 8 bytes; `scratch` has 8 bytes, aligned to
// 256. Not for graph capture.
std::int64_t first_wrong(const PlacePhoto& photo, PlaceArray array, void* scratch, Stream stream);

// Bytes of scratch memory for a correction: about 6 for each pixel of the window and, where repeats
// are counted, 4 for each within their radius around it. Throws as correct_places() does.
std::size_t correct_places_workspace_bytes(const PlacePhoto& photo, const PlaceWindow& window,
                                           const PlaceCosts& costs);

// As petsgan::correct_places(), from window.places, which is only read, to `out`, [height, width,
// 2]. All pointers are device pointers of the current device, `workspace` aligned to 256; the photo
// was checked by first_wrong(). Allocates nothing, waits for nothing and may be captured in a CUDA
// graph. Places and guides are not checked by the host, which would need a wait: where a place is
// not in the photo, or a guide not from 0 to 1024, all numbers of `out` are -1.
// Throws ShapeError and ConfigError for sizes and costs out of range, Error when a launch fails.
void correct_places(const PlacePhoto& photo, const PlaceWindow& window, const PlaceCosts& costs,
                    std::int64_t passes, std::int16_t* out, void* workspace, Stream stream);

}  // namespace petsgan::cuda
#pragma GCC visibility pop
