// The inner loop of the correction of places, once for each instruction set, all with the same
// results: whole numbers only.
#pragma once

#include <cstdint>

namespace petsgan {

// A place as one number: y * 2^16 + x. Places next to each other differ by that of their offset,
// and one that would lie outside the photo has a negative y or an x that no photo has.
using PackedPlace = std::int32_t;
constexpr PackedPlace packed_place(std::int64_t y, std::int64_t x) {
  return static_cast<PackedPlace>(y * 65536 + x);
}
constexpr std::int64_t place_row(PackedPlace place) { return place >> 16; }
constexpr std::int64_t place_column(PackedPlace place) { return place & 0xFFFF; }

// Of a pixel beyond the canvas, which continues to no place.
constexpr PackedPlace kNoPlace = -(1 << 28);

constexpr std::int64_t kWindowRadius = 2;
constexpr std::int64_t kWindowSide = 2 * kWindowRadius + 1;
constexpr std::int64_t kWindowPixels = kWindowSide * kWindowSide;
constexpr std::int64_t kWindowValues = 8 * kWindowPixels;
constexpr std::int64_t kMaxAlike = 8;

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
