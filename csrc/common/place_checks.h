// What is refused of a correction's numbers and sizes. Inline, since the libraries of the CPU and
// of CUDA both check and neither links the other.
#pragma once

#include <cstdint>
#include <string>

#include "common/place_window.h"
#include "petsgan/correct_places.h"
#include "petsgan/errors.h"

namespace petsgan {

constexpr std::int64_t kCountedPlaces = 65535;  // of a level at which repeats are counted
constexpr std::int32_t kMaxPrice = 1 << 24;

// Ranges in which no cost leaves 32 bits.
inline void check_place_costs(const PlaceCosts& costs, std::int64_t passes) {
  const auto check = [](const char* name, std::int64_t value, std::int64_t most) {
    if (value >= 0 && value <= most) return;
    throw ConfigError("correct_places: " + std::string(name) + " must be from 0 to " +
                      std::to_string(most) + ", got " + std::to_string(value));
  };
  check("weight_y", costs.weight_y, 1 << 14);
  check("weight_x", costs.weight_x, 1 << 14);
  check("tolerance_y", costs.tolerance_y, 1024);
  check("tolerance_x", costs.tolerance_x, 1024);
  check("coherence", costs.coherence, 64);
  check("edge", costs.edge, 1 << 16);
  check("repeat", costs.repeat, 1 << 20);
  check("most_repeats", costs.most_repeats, 64);
  check("repeat_radius", costs.repeat_radius, 64);
  check("repeat_near", costs.repeat_near, costs.repeat_radius);
  check("order", costs.order, 1 << 10);
  check("order_tolerance", costs.order_tolerance, 1024);
  check("most_disorder", costs.most_disorder, 1024);
  check("passes", passes, 64);
}

[[noreturn]] inline void refuse_photo(const std::string& what, std::int64_t found) {
  throw ShapeError("correct_places: " + what + ", got " + std::to_string(found));
}

inline void check_place_photo(const PlacePhoto& photo) {
  for (const std::int64_t side : {photo.height, photo.width}) {
    if (side < 1 || side > kMaxPhotoSide) {
      refuse_photo("the photo must have sides from 1 to " + std::to_string(kMaxPhotoSide), side);
    }
  }
  if (photo.alike_shift < 0 || photo.alike_shift > 14) {
    refuse_photo("alike must be of a level 0 to 14 times coarser", photo.alike_shift);
  }
  if (photo.alike_count > kMaxAlike) {
    refuse_photo("alike must have at most " + std::to_string(kMaxAlike) + " places for each",
                 photo.alike_count);
  }
  if (photo.alike_height != ((photo.height - 1) >> photo.alike_shift) + 1) {
    refuse_photo("alike must have the rows of its level", photo.alike_height);
  }
  if (photo.alike_width != ((photo.width - 1) >> photo.alike_shift) + 1) {
    refuse_photo("alike must have the columns of its level", photo.alike_width);
  }
}

inline void check_counted_photo(const PlacePhoto& photo, const PlaceCosts& costs) {
  if (costs.repeat > 0 && photo.height * photo.width >= kCountedPlaces) {
    refuse_photo("repeats must be counted at a level of less than 65535 places",
                 photo.height * photo.width);
  }
}

}  // namespace petsgan
