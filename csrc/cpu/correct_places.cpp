#include "petsgan/correct_places.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/place_checks.h"
#include "cpu/place_window/kernel.h"
#include "cpu/simd.h"
#include "cpu/thread_pool.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kRadius = kWindowRadius;
constexpr std::int64_t kSubpasses = 4;  // one for each parity of row and column
constexpr std::int64_t kTaskRows = 16;
constexpr std::uint16_t kNoId = 0xFFFF;
static_assert(kCountedPlaces <= kNoId, "places are told apart from none");
static_assert(kRadius == kPlaceBorder, "a window may reach over the photo by its border");

CorrectPixel choose_kernel() {
  switch (simd_level()) {
#ifdef PETSGAN_X86_KERNELS
    case SimdLevel::kAmx:
    case SimdLevel::kAvx512:
      return correct_pixel_avx512;
    case SimdLevel::kAvx2:
      return correct_pixel_avx2;
#endif
    default:
      return correct_pixel_portable;
  }
}

// The middle of every row, or column, of the photo in 1/1024 of its height, or width.
std::vector<std::int32_t> shares_of(std::int64_t size) {
  std::vector<std::int32_t> shares;
  shares.reserve(static_cast<std::size_t>(size));
  for (std::int64_t k = 0; k < size; ++k) {
    shares.push_back(static_cast<std::int32_t>((2 * k + 1) * 512 / size));
  }
  return shares;
}

// For each guide, what every row (or column) of the photo costs that is further from it than is
// tolerated: the square of the distance in 1/1024 of the photo.
std::vector<std::int32_t> guide_costs(const std::int32_t* guides, std::int64_t count,
                                      std::int64_t size, std::int32_t tolerance,
                                      std::int32_t weight) {
  std::vector<std::int32_t> costs;
  if (weight == 0) return costs;
  costs.reserve(static_cast<std::size_t>(count * size));
  const std::vector<std::int32_t> shares = shares_of(size);
  for (std::int64_t i = 0; i < count; ++i) {
    for (const std::int32_t share : shares) {
      const std::int32_t apart = std::max(0, std::abs(share - guides[i]) - tolerance);
      costs.push_back(weight * ((apart * apart) >> 4) >> 8);
    }
  }
  return costs;
}

// One call's arrays.
class Correction {
 public:
  Correction(const PlacePhoto& photo, const PlaceWindow& window, const PlaceCosts& costs)
      : window_(window),
        correct_(choose_kernel()),
        repeat_radius_(costs.repeat > 0 ? costs.repeat_radius : 0),
        photo_width_(photo.width),
        has_prices_(photo.prices != nullptr),
        reach_(places_reach(costs)),
        stride_(window.width + 2 * kRadius),
        places_(static_cast<std::size_t>((window.height + 2 * kRadius) * stride_), kNoPlace),
        row_shares_(costs.order > 0 ? shares_of(photo.height) : std::vector<std::int32_t>()),
        row_costs_(guide_costs(window.row_guides, window.height, photo.height, costs.tolerance_y,
                               costs.weight_y)),
        column_costs_(guide_costs(window.column_guides, window.width, photo.width,
                                  costs.tolerance_x, costs.weight_x)) {
    for (std::int64_t y = 0; y < window_.height; ++y) {
      const std::int16_t* from = window_.places + 2 * y * window_.width;
      for (std::int64_t x = 0; x < window_.width; ++x) {
        at(y, x) = packed_place(from[2 * x], from[2 * x + 1]);
      }
    }
    if (repeat_radius_ > 0) {
      id_stride_ = window_.width + 2 * repeat_radius_;
      ids_.assign(static_cast<std::size_t>((window_.height + 2 * repeat_radius_) * id_stride_),
                  kNoId);
      for (std::int64_t y = 0; y < window_.height; ++y) {
        for (std::int64_t x = 0; x < window_.width; ++x) id_at(y, x) = id(at(y, x));
      }
    }
    if (window_.wraps) repeat_sides();
    for (std::size_t k = 0; k < kWindowPixels; ++k)
      std::fill_n(weights_ + 8 * k, 8, kWindowWeights[k]);
    const std::int64_t feature_row = (photo.width + 2 * kPlaceBorder) * kPlaceFeatures;
    context_ = {photo.height,
                photo.width,
                photo.features + kPlaceBorder * (feature_row + kPlaceFeatures),
                feature_row,
                photo.alike,
                photo.alike_width,
                photo.alike_count,
                photo.alike_shift,
                photo.prices,
                &at(0, 0),
                stride_,
                repeat_radius_ > 0 ? &id_at(0, 0) : nullptr,
                id_stride_,
                costs.weight_y > 0 ? row_costs_.data() : nullptr,
                costs.weight_x > 0 ? column_costs_.data() : nullptr,
                row_shares_.data(),
                costs.coherence,
                costs.edge,
                repeat_radius_ > 0 ? costs.repeat : 0,
                costs.most_repeats,
                costs.order,
                costs.order_tolerance,
                costs.most_disorder,
                repeat_radius_,
                costs.repeat_near,
                weights_};
  }
  Correction(const Correction&) = delete;
  Correction& operator=(const Correction&) = delete;

  void run(std::int64_t passes, int threads) {
    std::int64_t done = 0;
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      find_active();
      for (std::int64_t sub = 0; sub < kSubpasses; ++sub) {
        // Where the canvas goes on, a pixel is right if all that it sees was right before.
        ++done;
        subpass(sub & 1, sub >> 1, done * reach_, threads);
      }
    }
    for (std::int64_t y = 0; y < window_.height; ++y) {
      std::int16_t* to = window_.places + 2 * y * window_.width;
      for (std::int64_t x = 0; x < window_.width; ++x) {
        to[2 * x] = static_cast<std::int16_t>(place_row(at(y, x)));
        to[2 * x + 1] = static_cast<std::int16_t>(place_column(at(y, x)));
      }
    }
  }

 private:
  std::size_t index(std::int64_t y, std::int64_t x) const {
    return static_cast<std::size_t>((y + kRadius) * stride_ + x + kRadius);
  }
  PackedPlace& at(std::int64_t y, std::int64_t x) { return places_[index(y, x)]; }
  std::uint16_t& id_at(std::int64_t y, std::int64_t x) {
    return ids_[static_cast<std::size_t>((y + repeat_radius_) * id_stride_ + x + repeat_radius_)];
  }
  std::uint16_t id(PackedPlace place) const {
    return static_cast<std::uint16_t>(place_row(place) * photo_width_ + place_column(place));
  }

  // On a torus what lies beyond one side is what lies at the other.
  void repeat_sides() {
    const std::int64_t height = window_.height;
    const std::int64_t width = window_.width;
    const auto wrapped = [](std::int64_t i, std::int64_t size) { return (i % size + size) % size; };
    const auto around = [&](std::int64_t border, const auto& copy) {
      for (std::int64_t y = -border; y < height + border; ++y) {
        const bool has_inside = y >= 0 && y < height;
        for (std::int64_t x = -border; x < width + border; ++x) {
          if (has_inside && x == 0) x = width;
          copy(y, x, wrapped(y, height), wrapped(x, width));
        }
      }
    };
    around(kRadius,
           [&](auto y, auto x, auto from_y, auto from_x) { at(y, x) = at(from_y, from_x); });
    if (repeat_radius_ == 0) return;
    around(repeat_radius_,
           [&](auto y, auto x, auto from_y, auto from_x) { id_at(y, x) = id_at(from_y, from_x); });
  }

  // Marks the pixels that this pass looks at. Where prices do not count, a pixel whose neighbours
  // all continue its own piece of the photo has no reason to change but that the piece stands again
  // nearby.
  void find_active() {
    const std::int64_t height = window_.height;
    const std::int64_t width = window_.width;
    if (has_prices_) {
      active_.assign(static_cast<std::size_t>(height * width), 1);
      return;
    }
    // 1 where a pixel does not continue the one before it or the one above.
    breaks_.assign(places_.size(), 0);
    for (std::int64_t y = 0; y < height; ++y) {
      const PackedPlace* row = &at(y, 0);
      std::uint8_t* to = breaks_.data() + index(y, 0);
      for (std::int64_t x = 0; x < width; ++x) {
        to[x] = static_cast<std::uint8_t>((row[x] != row[x - 1] + 1) |
                                          (row[x] != row[x - stride_] + packed_place(1, 0)));
      }
    }
    if (!window_.wraps) {  // where the canvas ends nothing is broken
      for (std::int64_t y = 0; y < height; ++y) {
        breaks_[index(y, 0)] = y > 0 && at(y, 0) != at(y - 1, 0) + packed_place(1, 0);
      }
      for (std::int64_t x = 0; x < width; ++x) {
        breaks_[index(0, x)] = x > 0 && at(0, x) != at(0, x - 1) + 1;
      }
    }
    // What continues in these four continues in all neighbours but the upper left one.
    spread_.assign(breaks_.size(), 0);
    for (std::int64_t y = 0; y < height; ++y) {
      const std::uint8_t* from = breaks_.data() + index(y, 0);
      std::uint8_t* to = spread_.data() + index(y, 0);
      for (std::int64_t x = 0; x < width; ++x) {
        to[x] = static_cast<std::uint8_t>(from[x] | from[x + 1]);
      }
    }
    active_.resize(static_cast<std::size_t>(height * width));
    for (std::int64_t y = 0; y < height; ++y) {
      const std::uint8_t* from = spread_.data() + index(y, 0);
      std::uint8_t* to = active_.data() + y * width;
      for (std::int64_t x = 0; x < width; ++x) {
        to[x] = static_cast<std::uint8_t>(from[x] | from[x + stride_]);
      }
    }
    if (!window_.wraps) return;
    // The sides of a torus are looked at as a whole, since breaks beyond them are not marked.
    for (std::int64_t y = 0; y < height; ++y) {
      std::uint8_t* row = active_.data() + y * width;
      const bool is_side = y < kRadius || y >= height - kRadius;
      const std::int64_t count = is_side ? width : std::min(kRadius, width);
      std::fill_n(row, count, std::uint8_t{1});
      std::fill_n(row + width - count, count, std::uint8_t{1});
    }
  }

  // Corrects the pixels of one parity, none of which sees another one change.
  void subpass(std::int64_t odd_y, std::int64_t odd_x, std::int64_t margin, int threads) {
    const std::int64_t top = window_.open_above ? margin : 0;
    const std::int64_t bottom = window_.height - (window_.open_below ? margin : 0);
    const std::int64_t left = window_.open_left ? margin : 0;
    const std::int64_t right = window_.width - (window_.open_right ? margin : 0);
    if (top >= bottom || left >= right) return;
    const std::int64_t tasks = (bottom - top + kTaskRows - 1) / kTaskRows;
    changes_.resize(static_cast<std::size_t>(tasks));
    parallel_for(tasks, threads, [&](std::int64_t task, int) {
      auto& changes = changes_[static_cast<std::size_t>(task)];
      changes.clear();
      const std::int64_t first = top + task * kTaskRows;
      for (std::int64_t y = first; y < std::min(bottom, first + kTaskRows); ++y) {
        if (((y + window_.top) & 1) != odd_y) continue;
        const std::uint8_t* active = active_.data() + y * window_.width;
        const std::uint8_t* fixed = window_.fixed ? window_.fixed + y * window_.width : nullptr;
        for (std::int64_t x = left + ((left + window_.left + odd_x) & 1); x < right; x += 2) {
          const bool is_coherent = active[x] == 0;
          if ((is_coherent && repeat_radius_ == 0) || (fixed && fixed[x])) continue;
          const PackedPlace best = correct_(context_, y, x, is_coherent);
          if (best != places_[index(y, x)]) changes.push_back({y, x, best});
        }
      }
    });
    for (const auto& task : changes_) {
      for (const Change& change : task) {
        at(change.y, change.x) = change.to;
        if (repeat_radius_ > 0) id_at(change.y, change.x) = id(change.to);
      }
    }
    if (window_.wraps) repeat_sides();
  }

  struct Change {
    std::int64_t y, x;
    PackedPlace to;
  };

  PlaceWindow window_;
  CorrectPixel correct_;
  std::int64_t repeat_radius_;
  std::int64_t photo_width_;
  bool has_prices_;
  std::int64_t reach_;
  std::int64_t stride_;
  std::vector<PackedPlace> places_;  // of the window and kRadius around it
  std::int64_t id_stride_ = 0;
  std::vector<std::uint16_t> ids_;  // of the window and repeat_radius_ around it
  std::vector<std::int32_t> row_shares_, row_costs_, column_costs_;
  alignas(64) std::int16_t weights_[kWindowValues];
  std::vector<std::uint8_t> breaks_, spread_, active_;
  std::vector<std::vector<Change>> changes_;
  PlaceContext context_;
};

void check_photo(const PlacePhoto& photo, const PlaceCosts& costs) {
  check_place_photo(photo);
  // Places are told apart by 16 bits where repeats are counted.
  check_counted_photo(photo, costs);
  const std::int64_t places = photo.alike_height * photo.alike_width * photo.alike_count;
  for (std::int64_t i = 0; i < places; ++i) {
    const std::int16_t y = photo.alike[2 * i];
    const std::int16_t x = photo.alike[2 * i + 1];
    if (y >= photo.alike_height) refuse_photo("alike must lie within its level", y);
    if (y >= 0 && (x < 0 || x >= photo.alike_width)) {
      refuse_photo("alike must lie within its level", x);
    }
  }
  if (photo.prices != nullptr) {
    for (std::int64_t i = 0; i < photo.height * photo.width; ++i) {
      if (std::abs(static_cast<std::int64_t>(photo.prices[i])) > kMaxPrice) {
        refuse_photo("prices must be within 2^24 of 0", photo.prices[i]);
      }
    }
  }
}

void check_places(const PlacePhoto& photo, const PlaceWindow& window) {
  for (std::int64_t i = 0; i < window.height * window.width; ++i) {
    const int y = window.places[2 * i];
    const int x = window.places[2 * i + 1];
    if (y >= 0 && y < photo.height && x >= 0 && x < photo.width) continue;
    throw ShapeError("correct_places: places must lie in the photo, " +
                     std::to_string(photo.height) + "x" + std::to_string(photo.width) + ", got (" +
                     std::to_string(y) + ", " + std::to_string(x) + ") at [" +
                     std::to_string(i / window.width) + ", " + std::to_string(i % window.width) +
                     "]");
  }
}

}  // namespace

std::int64_t places_reach(const PlaceCosts& costs) {
  return std::max<std::int64_t>(kRadius, costs.repeat > 0 ? costs.repeat_radius : 0);
}

void correct_places(const PlacePhoto& photo, const PlaceWindow& window, const PlaceCosts& costs,
                    std::int64_t passes, int threads) {
  check_place_costs(costs, passes);
  check_photo(photo, costs);
  check_places(photo, window);
  Correction(photo, window, costs).run(passes, threads);
}

}  // namespace petsgan
