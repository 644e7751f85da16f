// Included only by the per-instruction-set files; all but the kernel lies in an anonymous
// namespace, as in similarity/vector.h.
#include "cpu/place_window/kernel.h"
#ifdef __AVX2__
#include "cpu/place_window/x86.h"
#else
#include "cpu/place_window/plain.h"
#endif

namespace petsgan {
namespace {

constexpr int kSeenShift = 26;
constexpr std::int64_t kSeen = std::int64_t{1} << (32 - kSeenShift);

// What a pixel that is corrected sees.
struct View {
  alignas(32) std::int16_t near[kWindowValues];
  alignas(32) std::int16_t own_weights[kWindowValues];
  const std::int16_t* weights;
  alignas(32) PackedPlace continued[kAround];  // the places that neighbours would continue to
  std::int32_t above[3], below[3];  // where in the photo's height neighbours are, or a number that
                                    // is in order with all
};

// Candidates. Most of what is offered was offered before; a small table that forgets finds nearly
// all of these, and one that is judged twice changes nothing.
struct Candidates {
  PackedPlace places[kMaxCandidates + 1];
  std::int64_t count = 0;
  PackedPlace seen[kSeen];

  Candidates() {
    for (std::int64_t i = 0; i < kSeen; ++i) seen[i] = kNoPlace;
  }

  // Without a branch: what is offered follows no pattern.
  void offer(const PlaceContext& context, PackedPlace place) {
    PackedPlace& last = seen[(static_cast<std::uint32_t>(place) * 0x9E3779B1U) >> kSeenShift];
    const bool is_new = place != last;
    last = place;
    const bool is_inside = (static_cast<std::uint64_t>(place_row(place)) <
                            static_cast<std::uint64_t>(context.height)) &
                           (place_column(place) < context.width);
    places[count] = place;
    count += (is_new & is_inside) ? 1 : 0;
  }
};

inline const std::int8_t* feature(const PlaceContext& context, PackedPlace place) {
  return context.features + place_row(place) * context.feature_row + 8 * place_column(place);
}

void look(const PlaceContext& context, const PackedPlace* centre, View* view) {
  bool is_whole = true;
  std::int64_t k = 0;
  for (std::int64_t dy = -kWindowRadius; dy <= kWindowRadius; ++dy) {
    for (std::int64_t dx = -kWindowRadius; dx <= kWindowRadius; ++dx, ++k) {
      const PackedPlace shown = centre[dy * context.stride + dx];
      is_whole &= shown >= 0;
      widen(shown >= 0 ? feature(context, shown) : context.features, view->near + 8 * k);
    }
  }
  view->weights = context.weights;
  if (!is_whole) {  // what is beyond the canvas has no say
    k = 0;
    for (std::int64_t dy = -kWindowRadius; dy <= kWindowRadius; ++dy) {
      for (std::int64_t dx = -kWindowRadius; dx <= kWindowRadius; ++dx, ++k) {
        const bool is_there = centre[dy * context.stride + dx] >= 0;
        for (std::int64_t c = 8 * k; c < 8 * k + 8; ++c) {
          view->own_weights[c] = is_there ? context.weights[c] : std::int16_t{0};
        }
      }
    }
    view->weights = view->own_weights;
  }
  k = 0;
  for (std::int64_t dy = -1; dy <= 1; ++dy) {
    for (std::int64_t dx = -1; dx <= 1; ++dx) {
      if (dy == 0 && dx == 0) continue;
      view->continued[k++] = centre[dy * context.stride + dx] - packed_place(dy, dx);
    }
  }
}

void look_up_and_down(const PlaceContext& context, const PackedPlace* centre, View* view) {
  constexpr std::int32_t kFar = 4096;
  for (std::int64_t k = 0; k < 3; ++k) {
    const PackedPlace above = centre[k - 1 - context.stride];
    const PackedPlace below = centre[k - 1 + context.stride];
    view->above[k] = above >= 0 ? context.row_shares[place_row(above)] : -kFar;
    view->below[k] = below >= 0 ? context.row_shares[place_row(below)] : kFar;
  }
}

// By how much a place lies above its upper neighbours', and below its lower ones', beyond what is
// tolerated.
inline std::int32_t disorder(const PlaceContext& context, const View& view, std::int64_t y) {
  const std::int32_t own = context.row_shares[y];
  const auto counted = [&](std::int32_t apart) {
    const std::int32_t beyond = apart - context.order_tolerance;
    const std::int32_t most = context.most_disorder;
    return beyond < 0 ? 0 : beyond < most ? beyond : most;
  };
  std::int32_t sum = 0;
  for (std::int64_t k = 0; k < 3; ++k) {
    sum += counted(view.above[k] - own) + counted(own - view.below[k]);
  }
  return sum;
}

// The pixel's own place first, then those that its neighbours continue to, then those alike to
// these.
void gather_candidates(const PlaceContext& context, const PackedPlace* centre, const View& view,
                       Candidates* candidates) {
  const PackedPlace own = *centre;
  candidates->offer(context, own);
  for (const PackedPlace place : view.continued) candidates->offer(context, place);
  const std::int64_t shift = context.alike_shift;
  const PackedPlace rest = packed_place((1 << shift) - 1, (1 << shift) - 1);
  for (std::int64_t dy = -1; dy <= 1; ++dy) {
    for (std::int64_t dx = -1; dx <= 1; ++dx) {
      const PackedPlace shown = centre[dy * context.stride + dx];
      if (shown < 0) continue;
      const PackedPlace offset = packed_place(dy, dx);
      // Under an inherited table neighbours within a piece would name the same places again.
      if (shift > 0 && (dy != 0 || dx != 0) && shown - offset == own) continue;
      const std::int16_t* alike =
          context.alike +
          2 * context.alike_count *
              ((place_row(shown) >> shift) * context.alike_width + (place_column(shown) >> shift));
      for (std::int64_t j = 0; j < context.alike_count && alike[2 * j] >= 0; ++j) {
        const PackedPlace coarse = packed_place(alike[2 * j], alike[2 * j + 1]);
        candidates->offer(context, (coarse << shift) + (shown & rest) - offset);
      }
    }
  }
}

// Weight of those pixels of the window that lie on the canvas, and for this candidate beyond the
// photo.
std::int32_t weight_beyond(const PlaceContext& context, const View& view, std::int64_t y,
                           std::int64_t x) {
  std::int32_t sum = 0;
  std::int64_t k = 0;
  for (std::int64_t dy = -kWindowRadius; dy <= kWindowRadius; ++dy) {
    for (std::int64_t dx = -kWindowRadius; dx <= kWindowRadius; ++dx, ++k) {
      const bool is_inside =
          y + dy >= 0 && x + dx >= 0 && y + dy < context.height && x + dx < context.width;
      if (!is_inside) sum += view.weights[8 * k];
    }
  }
  return sum;
}

std::int32_t repeats(const PlaceContext& context, std::int64_t y, std::int64_t x,
                     PackedPlace place) {
  const auto wanted =
      static_cast<std::uint16_t>(place_row(place) * context.width + place_column(place));
  const std::int64_t radius = context.repeat_radius;
  const std::uint16_t* corner = context.ids + (y - radius) * context.id_stride + (x - radius);
  std::int32_t count = count_equal(corner, context.id_stride, 2 * radius + 1, wanted);
  if (count == 0) return 0;
  for (std::int64_t dy = -context.repeat_near; dy <= context.repeat_near; ++dy) {
    for (std::int64_t dx = -context.repeat_near; dx <= context.repeat_near; ++dx) {
      count -= context.ids[(y + dy) * context.id_stride + x + dx] == wanted ? 1 : 0;
    }
  }
  return count < context.most_repeats ? count : context.most_repeats;
}

// What a candidate costs, or some number not below `least`.
std::int32_t cost_of(const PlaceContext& context, const View& view, std::int64_t canvas_y,
                     std::int64_t canvas_x, PackedPlace place, std::int32_t least) {
  const std::int64_t y = place_row(place);
  const std::int64_t x = place_column(place);
  std::int32_t total = 0;
  if (context.prices) total += context.prices[y * context.width + x];
  if (context.row_costs) total += context.row_costs[canvas_y * context.height + y];
  if (context.column_costs) total += context.column_costs[canvas_x * context.width + x];
  if (context.order > 0) total += context.order * disorder(context, view, y);
  if (total >= least) return total;  // nothing below takes away from it
  std::int32_t unfit = distance(feature(context, place) - kWindowRadius * (context.feature_row + 8),
                                context.feature_row, view.near, view.weights);
  if (y < kWindowRadius || x < kWindowRadius || y + kWindowRadius >= context.height ||
      x + kWindowRadius >= context.width) {
    unfit += context.edge * weight_beyond(context, view, y, x);
  }
  const std::int32_t broken =
      static_cast<std::int32_t>(kAround) - count_eight(view.continued, place);
  total += (unfit >> 6) * (64 + context.coherence * broken);
  if (context.repeat > 0 && total < least) {
    total += context.repeat * repeats(context, canvas_y, canvas_x, place);
  }
  return total;
}

}  // namespace

// Of two places that cost the same the first stays.
PackedPlace PETSGAN_CORRECT_PIXEL(const PlaceContext& context, std::int64_t y, std::int64_t x,
                                  bool is_coherent) {
  const PackedPlace* centre = context.places + y * context.stride + x;
  if (is_coherent && repeats(context, y, x, *centre) == 0) return *centre;
  View view;
  look(context, centre, &view);
  if (context.order > 0) look_up_and_down(context, centre, &view);
  Candidates candidates;
  gather_candidates(context, centre, view, &candidates);
  std::int32_t least = INT32_MAX;
  PackedPlace best = *centre;
  for (std::int64_t i = 0; i < candidates.count; ++i) {
    const std::int32_t found = cost_of(context, view, y, x, candidates.places[i], least);
    if (found < least) {
      least = found;
      best = candidates.places[i];
    }
  }
  return best;
}

}  // namespace petsgan
