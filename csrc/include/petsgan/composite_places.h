// The image that places of a photo stand for: colours whose steps are the photo's own.
#pragma once

#include <cstdint>

namespace petsgan {

struct CompositeShape {
  std::int64_t height, width;              // of the canvas, from 1
  std::int64_t photo_height, photo_width;  // from 1
};

// One relaxation: the direction becomes `keep` of itself and `take` of what is left to correct.
struct CompositeStep {
  float keep, take;
};

// See kernels.composite_places. places is [height, width, 2] int16, (y, x) each within the photo;
// photo [photo_height, photo_width, 3]; out [3, height, width] in [-1, 1] but for what overshoots.
// A pixel further than num_steps from any seam has its place's own colour, to the bit.
// Throws ShapeError for a place outside the photo.
void composite_places(const CompositeShape& shape, const std::int16_t* places,
                      const std::uint8_t* photo, float screening, float softness,
                      const CompositeStep* steps, std::int64_t num_steps, int threads, float* out);

}  // namespace petsgan
