// One level of coordinate synthesis: places of the photo that a canvas shows, corrected so that
// neighbours fit together. Whole numbers only, so that every machine finds the same places.
#pragma once

#include <cstdint>

namespace petsgan {

constexpr std::int64_t kPlaceFeatures = 8;  // numbers of a feature
constexpr std::int64_t kPlaceBorder = 2;    // rows and columns that features have around the photo
constexpr std::int64_t kMaxPhotoSide = 16384;

// The photo at one level.
struct PlacePhoto {
  std::int64_t height, width;   // 1 to kMaxPhotoSide
  const std::int8_t* features;  // [height + 4, width + 4, 8], the border repeated
  const std::int16_t* alike;    // [alike_height, alike_width, alike_count, 2]; y < 0: none
  std::int64_t alike_height, alike_width, alike_count;
  std::int64_t alike_shift;    // the table is of the level so many times coarser by 2
  const std::int32_t* prices;  // [height, width], or null
};

// A window of the canvas at that level. Where a side is open the canvas goes on beyond the window,
// and what the missing part could change is left alone.
struct PlaceWindow {
  std::int64_t top, left;      // on the canvas: decides which rows and columns are odd
  std::int64_t height, width;  // from 1
  std::int16_t* places;        // [height, width, 2]: (y, x) in the photo, changed in place
  bool open_above, open_below, open_left, open_right;
  bool wraps;                         // the window is a whole torus
  const std::int32_t* row_guides;     // [height]: where in the photo a row asks to be, in 1/1024
  const std::int32_t* column_guides;  // [width]
  const std::uint8_t* fixed;          // [height, width]: not 0 where a place is given, or null
};

// What a candidate costs besides features that do not fit, see kernels.correct_places; each number
// is from 0.
struct PlaceCosts {
  std::int32_t weight_y, weight_x;        // of the distance from the guide; to 2^14
  std::int32_t tolerance_y, tolerance_x;  // of it, in 1/1024
  std::int32_t coherence;                 // eighths more for each eight neighbours not continued
  std::int32_t edge;                      // for each unit of weight beyond the photo's border
  std::int32_t repeat;                    // for each time that it stands already close by; to 2^20
  std::int32_t most_repeats;
  std::int64_t repeat_radius, repeat_near;  // further than near and up to radius counts
  std::int32_t order;                       // of places in the wrong order in y; to 2^10
  std::int32_t order_tolerance;             // in 1/1024
  std::int32_t most_disorder;               // in 1/1024, for each of six neighbours
};

// Pixels around a pixel that one subpass looks at.
std::int64_t places_reach(const PlaceCosts& costs);

// Runs `passes` passes of four subpasses each. Throws ShapeError for a place outside the photo, and
// ConfigError for costs or passes out of range.
void correct_places(const PlacePhoto& photo, const PlaceWindow& window, const PlaceCosts& costs,
                    std::int64_t passes, int threads);

}  // namespace petsgan
