// The inner loop of the correction of places, once for each instruction set, all with the same
// results: whole numbers only.
#pragma once

#include <cstdint>

#include "common/place_window.h"

namespace petsgan {

constexpr std::int64_t kWindowValues = 8 * kWindowPixels;

// All that correcting a pixel reads. Plain pointers: code of the standard library that is compiled
// for an instruction set must not be linked into the rest.
struct PlaceContext {
  // The photo.
  std::int64_t height, width;
  const std::int8_t* features;  // of place (0, 0)
  std::int64_t feature_row;     // numbers from one row of features to the next
  const std::int16_t* alike;
  std::int64_t alike_width, alike_count, alike_shift;
  const std::int32_t* prices;  // or null

  // The canvas.
  const PackedPlace* places;  // of pixel (0, 0); there are kWindowRadius more on every side
  std::int64_t stride;
  const std::uint16_t* ids;  // of pixel (0, 0), with repeat_radius more on every side; or null
  std::int64_t id_stride;
  const std::int32_t* row_costs;     // [canvas rows, height], or null
  const std::int32_t* column_costs;  // [canvas columns, width], or null

  // Costs.
  const std::int32_t* row_shares;  // [height]: middle of each row in 1/1024 of the photo
  std::int32_t coherence, edge, repeat, most_repeats;
  std::int32_t order, order_tolerance, most_disorder;
  std::int64_t repeat_radius, repeat_near;
  const std::int16_t* weights;  // [kWindowPixels, 8], aligned to 32 bytes
};

// The place that fits best at a pixel of the canvas. One that lies inside a coherent piece is left
// alone unless its place stands again nearby.
using CorrectPixel = PackedPlace (*)(const PlaceContext& context, std::int64_t y, std::int64_t x,
                                     bool is_coherent);

PackedPlace correct_pixel_portable(const PlaceContext& context, std::int64_t y, std::int64_t x,
                                   bool is_coherent);
#ifdef PETSGAN_X86_KERNELS
PackedPlace correct_pixel_avx2(const PlaceContext& context, std::int64_t y, std::int64_t x,
                               bool is_coherent);
PackedPlace correct_pixel_avx512(const PlaceContext& context, std::int64_t y, std::int64_t x,
                                 bool is_coherent);
#endif

}  // namespace petsgan
