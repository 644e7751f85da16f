// Coordinate synthesis, as the tests call it through ctypes; see emulation_api.cpp.
#include <cstdint>

#include "emu/guarded.h"
#include "petsgan/cuda/composite_places.h"
#include "petsgan/cuda/correct_places.h"
#include "petsgan/cuda/place_features.h"

namespace {

using petsgan::emu::guarded;

struct Correction {
  petsgan::PlacePhoto photo;
  petsgan::PlaceWindow window;
  petsgan::PlaceCosts costs;
};

// `photo`: height, width, alike's height, width, count and shift. `window`: top, left, height,
// width, the four open sides, wraps. `costs`: the fields of PlaceCosts. `arrays`: features, alike,
// prices, places, row guides, column guides, fixed.
Correction correction_of(const std::int64_t* photo, const std::int64_t* window,
                         const std::int64_t* costs, void* const* arrays) {
  Correction made{};
  made.photo = {photo[0],
                photo[1],
                static_cast<const std::int8_t*>(arrays[0]),
                static_cast<const std::int16_t*>(arrays[1]),
                photo[2],
                photo[3],
                photo[4],
                photo[5],
                static_cast<const std::int32_t*>(arrays[2])};
  made.window = {window[0],
                 window[1],
                 window[2],
                 window[3],
                 static_cast<std::int16_t*>(arrays[3]),
                 window[4] != 0,
                 window[5] != 0,
                 window[6] != 0,
                 window[7] != 0,
                 window[8] != 0,
                 static_cast<const std::int32_t*>(arrays[4]),
                 static_cast<const std::int32_t*>(arrays[5]),
                 static_cast<const std::uint8_t*>(arrays[6])};
  const auto cost = [&](int i) { return static_cast<std::int32_t>(costs[i]); };
  made.costs = {cost(0), cost(1),  cost(2),  cost(3),  cost(4),  cost(5), cost(6),
                cost(7), costs[8], costs[9], cost(10), cost(11), cost(12)};
  return made;
}

}  // namespace

extern "C" {

const char* emulation_correct_sizes(const std::int64_t* photo, const std::int64_t* window,
                                    const std::int64_t* costs, void* const* arrays,
                                    std::int64_t* workspace_bytes) {
  return guarded([&] {
    const Correction made = correction_of(photo, window, costs, arrays);
    *workspace_bytes = static_cast<std::int64_t>(
        petsgan::cuda::correct_places_workspace_bytes(made.photo, made.window, made.costs));
  });
}

// Where alike and prices are first wrong.
const char* emulation_first_wrong(const std::int64_t* photo, const std::int64_t* window,
                                  const std::int64_t* costs, void* const* arrays, void* scratch,
                                  std::int64_t* positions) {
  return guarded([&] {
    const Correction made = correction_of(photo, window, costs, arrays);
    using petsgan::cuda::PlaceArray;
    positions[0] = petsgan::cuda::first_wrong(made.photo, PlaceArray::kAlike, scratch, nullptr);
    positions[1] = petsgan::cuda::first_wrong(made.photo, PlaceArray::kPrices, scratch, nullptr);
  });
}

const char* emulation_correct(const std::int64_t* photo, const std::int64_t* window,
                              const std::int64_t* costs, void* const* arrays, std::int64_t passes,
                              std::int16_t* out, void* workspace) {
  return guarded([&] {
    const Correction made = correction_of(photo, window, costs, arrays);
    petsgan::cuda::correct_places(made.photo, made.window, made.costs, passes, out, workspace,
                                  nullptr);
  });
}

// `sizes` are those of CompositeShape; a workspace of null asks for its size only.
const char* emulation_composite(const std::int64_t* sizes, const std::int16_t* places,
                                const std::uint8_t* photo, float screening, float softness,
                                const float* steps, std::int64_t num_steps, float* out,
                                void* workspace, std::int64_t* workspace_bytes) {
  return guarded([&] {
    const petsgan::CompositeShape shape{sizes[0], sizes[1], sizes[2], sizes[3]};
    *workspace_bytes =
        static_cast<std::int64_t>(petsgan::cuda::composite_places_workspace_bytes(shape));
    if (workspace == nullptr) return;
    petsgan::cuda::composite_places(shape, places, photo, screening, softness,
                                    reinterpret_cast<const petsgan::CompositeStep*>(steps),
                                    num_steps, out, workspace, nullptr);
  });
}

const char* emulation_features(std::int64_t height, std::int64_t width, const std::uint8_t* image,
                               const std::int16_t* basis, const std::int32_t* bias, int shift,
                               std::int8_t* out) {
  return guarded([&] {
    petsgan::cuda::place_features({height, width}, image, basis, bias, shift, out, nullptr);
  });
}

}  // extern "C"
