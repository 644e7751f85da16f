// The gradient of patch transfer, from what it returned back to what it was given.
#pragma once

#include <cstdint>

#include "petsgan/patch_transfer.h"

namespace petsgan {

// What patch_transfer returned for the same arguments.
struct PatchMatches {
  const std::int32_t* index = nullptr;  // [batch, height, width]
  const float* weight = nullptr;        // [batch, height, width], in (0, 1]
};

// Gradients of patch_transfer's output.
struct PatchOutputGradient {
  const float* values = nullptr;  // [batch, value_channels, height, width]
  const float* weight = nullptr;  // [batch, height, width]
};

// Gradients of its input; C-contiguous, owned by the caller.
struct PatchInputGradient {
  float* query = nullptr;   // [batch, channels, height, width]
  float* values = nullptr;  // [images, value_channels, height, width] of the reference
};

// `features` are those that the reference was made of, which packs them for other ends.
//
// The choice of the best match is constant. The weight w of a best match, with p the softmax, moves
// with the cosines by w (delta - p) / temperature, a cosine with the query's patch as usual; a
// query patch of zeros passes nothing, and with temperature 0 no patch does. Features of the
// reference have no gradient. Throws InputError for features that are not finite and for an index
// that is not one of the reference, ShapeError and ConfigError as patch_transfer does.
//
// The similarities are computed again and never stored. Memory beyond the arguments is O(query +
// reference), and for each thread about 2 window + 40 planes of (query width x reference width) and
// a sum of the size of an image's query features; a thread that is ahead of others can leave more
// of these, up to 64 MB or one, whichever is more. Deterministic for any number of threads.
void patch_transfer_gradient(const PatchQuery& query, const PatchReference& reference,
                             const float* features, const PatchTransferOptions& options,
                             const PatchMatches& matches, const PatchOutputGradient& gradient,
                             const PatchInputGradient& result);

}  // namespace petsgan
