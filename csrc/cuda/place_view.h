// What correcting a pixel reads, and what a candidate costs: see cpu/place_window/loops.h, which
// finds the same places one candidate after another. Here a warp has a pixel, and each of its lanes
// a candidate. Whole numbers only.
#pragma once

#include <climits>
#include <cstdint>
#include <cstdlib>

#include "common/place_window.h"
#include "cuda/device.h"
#include "petsgan/correct_places.h"

namespace petsgan::cuda {

constexpr unsigned kAllLanes = 0xFFFFFFFFU;
constexpr int kWarp = 32;
constexpr int kSides = 3;  // neighbours above, and below

// One correction, and of a subpass which pixels it looks at.
struct CorrectTask {
  PlacePhoto photo;
  const int2* features;  // of place (0, 0)
  int feature_row;       // features from one row to the next
  PlaceCosts costs;
  int repeat_radius, repeat_near;
  int weights[kWindowPixels];

  PlaceWindow window;
  PackedPlace* places;  // of pixel (0, 0); there are `border` more on every side
  int height, width, border, stride;
  unsigned char* active;  // [height, width]: 0 inside a coherent piece; null: all are looked at
  PackedPlace* chosen;    // of the pixels of one parity
  int chosen_stride;
  unsigned long long* wrong;  // not 0 where a place or a guide is out of range
  std::int16_t* out;

  int first_y, bottom, first_x, right;  // of a subpass, every second row and column
};

// What a warp knows of its pixel, in shared memory.
struct View {
  int4 near[kWindowPixels];  // eight numbers of the feature, its weight and its squared length
  PackedPlace continued[kAround];
  int shares[2 *
             kSides];  // where in the photo's height the upper neighbours and the lower ones are
  PackedPlace candidates[kMaxCandidates];
  int totals[kMaxCandidates];  // without repeats; of a lane's own candidates
};

__device__ inline int squared_length(int2 feature) {
  return __dp4a(feature.x, feature.x, __dp4a(feature.y, feature.y, 0));
}

// The middle of a row or column in 1/1024 of the photo.
__device__ inline int share_of(int at, std::int64_t size) {
  return (2 * at + 1) * 512 / static_cast<int>(size);
}

__device__ inline bool is_inside(const PlacePhoto& photo, PackedPlace place) {
  return place >= 0 && (place >> 16) < photo.height && (place & 0xFFFF) < photo.width;
}

// The place at a pixel next to `centre`; neighbours are numbered by row from 0 to 8, 4 is itself.
__device__ inline PackedPlace neighbour(const CorrectTask& task, const PackedPlace* centre, int n) {
  return centre[(n / 3 - 1) * task.stride + n % 3 - 1];
}
__device__ inline PackedPlace offset_of(int n) { return (n / 3 - 1) * 65536 + n % 3 - 1; }
// The neighbour that is number k of eight.
__device__ inline int around(int k) { return k < 4 ? k : k + 1; }

// Candidate `slot` in the order in which the first of equal ones is taken, or one outside the
// photo: the pixel's own place, those that its neighbours continue to, those alike to these.
__device__ inline PackedPlace offered(const CorrectTask& task, const PackedPlace* centre,
                                      int slot) {
  if (slot == 0) return *centre;
  const int count = static_cast<int>(task.photo.alike_count);
  const int k = slot - 1 - static_cast<int>(kAround);
  const int n = k < 0 ? around(slot - 1) : k / count;
  const PackedPlace shown = neighbour(task, centre, n);
  if (shown < 0) return kNoPlace;
  const PackedPlace continued = shown - offset_of(n);
  if (k < 0) return continued;
  const int shift = static_cast<int>(task.photo.alike_shift);
  // Under an inherited table neighbours within a piece would name the same places again.
  if (shift > 0 && n != 4 && continued == *centre) return kNoPlace;
  const std::int64_t row = shown >> 16 >> shift, column = (shown & 0xFFFF) >> shift;
  const std::int16_t* alike =
      task.photo.alike + 2 * count * (row * task.photo.alike_width + column);
  const int last = k % count;
  for (int j = 0; j <= last; ++j) {
    if (alike[2 * j] < 0) return kNoPlace;  // which ends the list
  }
  const int rest = (1 << shift) - 1;
  const PackedPlace coarse = alike[2 * last] * 65536 + alike[2 * last + 1];
  return (coarse << shift) + (shown & (rest * 65536 + rest)) - offset_of(n);
}

// Fills the view; returns how many candidates there are. One that was offered before is left out as
// far as a warp sees at once: one that is judged twice changes nothing.
__device__ inline int look(const CorrectTask& task, const PackedPlace* centre, int lane,
                           View* view) {
  if (lane < kWindowPixels) {
    const PackedPlace shown = centre[(lane / 5 - 2) * task.stride + lane % 5 - 2];
    int4 near = {0, 0, 0, 0};  // what is beyond the canvas has no say
    if (shown >= 0) {
      const int2 feature = task.features[(shown >> 16) * task.feature_row + (shown & 0xFFFF)];
      near = {feature.x, feature.y, task.weights[lane], squared_length(feature)};
    }
    view->near[lane] = near;
  }
  if (lane < kAround) {
    view->continued[lane] = neighbour(task, centre, around(lane)) - offset_of(around(lane));
  }
  if (lane < 2 * kSides) {
    constexpr int kFar = 4096;  // in order with all
    const bool is_above = lane < kSides;
    const PackedPlace shown = neighbour(task, centre, is_above ? lane : lane + kSides);
    view->shares[lane] = shown >= 0 ? share_of(shown >> 16, task.photo.height)
                         : is_above ? -kFar
                                    : kFar;
  }
  const int slots = static_cast<int>((kAround + 1) * (task.photo.alike_count + 1));
  const unsigned before = (1U << lane) - 1;
  int count = 0;
  for (int first = 0; first < slots; first += kWarp) {
    const PackedPlace place = first + lane < slots ? offered(task, centre, first + lane) : kNoPlace;
    const bool is_new = (__match_any_sync(kAllLanes, place) & before) == 0;
    const bool is_kept = is_new && is_inside(task.photo, place);
    const unsigned kept = __ballot_sync(kAllLanes, is_kept);
    if (is_kept) view->candidates[count + __popc(kept & before)] = place;
    count += __popc(kept);
  }
  __syncwarp();
  return count;
}

// By how much a place lies above its upper neighbours', and below its lower ones', beyond what is
// tolerated.
__device__ inline int disorder(const PlaceCosts& costs, const View& view, int own) {
  int sum = 0;
  for (int k = 0; k < 2 * kSides; ++k) {
    const int apart = k < kSides ? view.shares[k] - own : own - view.shares[k];
    sum += max(0, min(apart - costs.order_tolerance, costs.most_disorder));
  }
  return sum;
}

// What it costs to lie further than is tolerated from where a pixel asks to be.
__device__ inline int away(int share, int guide, int tolerance, int weight) {
  const int apart = max(0, abs(share - guide) - tolerance);
  return weight * ((apart * apart) >> 4) >> 8;
}

// Sum of weight * |difference of features|^2 over the window, by |a|^2 + |b|^2 - 2 ab, which takes
// products of bytes.
__device__ inline int distance(const CorrectTask& task, const View& view, int y, int x) {
  const int2* corner = task.features + (y - 2) * task.feature_row + x - 2;
  int sum = 0;
  for (int row = 0; row < kWindowSide; ++row) {
#pragma unroll
    for (int column = 0; column < kWindowSide; ++column) {
      const int4 near = view.near[kWindowSide * row + column];
      const int2 there = corner[row * task.feature_row + column];
      const int product = __dp4a(there.x, near.x, __dp4a(there.y, near.y, 0));
      sum += near.z * (squared_length(there) + near.w - 2 * product);
    }
  }
  return sum;
}

// Weight of those pixels of the window that lie on the canvas, and for this candidate beyond the
// photo.
__device__ inline int weight_beyond(const CorrectTask& task, const View& view, int y, int x) {
  int sum = 0;
  for (int k = 0; k < kWindowPixels; ++k) {
    const int at_y = y + k / 5 - 2, at_x = x + k % 5 - 2;
    const bool is_there =
        at_y >= 0 && at_x >= 0 && at_y < task.photo.height && at_x < task.photo.width;
    sum += is_there ? 0 : view.near[k].z;
  }
  return sum;
}

// What a candidate costs, but for repeats. No part but a price is below 0.
__device__ inline int cost_of(const CorrectTask& task, const View& view, int canvas_y, int canvas_x,
                              PackedPlace place) {
  const PlaceCosts& costs = task.costs;
  const int y = place >> 16, x = place & 0xFFFF;
  int total = 0;
  if (task.photo.prices != nullptr) total += task.photo.prices[y * task.photo.width + x];
  const int share = share_of(y, task.photo.height);
  if (costs.weight_y > 0) {
    total += away(share, task.window.row_guides[canvas_y], costs.tolerance_y, costs.weight_y);
  }
  if (costs.weight_x > 0) {
    total += away(share_of(x, task.photo.width), task.window.column_guides[canvas_x],
                  costs.tolerance_x, costs.weight_x);
  }
  if (costs.order > 0) total += costs.order * disorder(costs, view, share);
  int unfit = distance(task, view, y, x);
  if (y < 2 || x < 2 || y + 2 >= task.photo.height || x + 2 >= task.photo.width) {
    unfit += costs.edge * weight_beyond(task, view, y, x);
  }
  int broken = 0;
  for (int k = 0; k < kAround; ++k) broken += view.continued[k] == place ? 0 : 1;
  return total + (unfit >> 6) * (64 + costs.coherence * broken);
}

// How often a place stands nearby, counted by a whole warp.
__device__ inline int repeats(const CorrectTask& task, const PackedPlace* centre, PackedPlace place,
                              int lane) {
  const int radius = task.repeat_radius, side = 2 * radius + 1;
  int dy = lane / side - radius, dx = lane % side - radius, count = 0;
  while (dy <= radius) {
    const bool is_counted = max(abs(dy), abs(dx)) > task.repeat_near;
    if (is_counted && centre[dy * task.stride + dx] == place) ++count;
    dy += kWarp / side;
    dx += kWarp % side;
    if (dx > radius) {
      dx -= side;
      ++dy;
    }
  }
  return min(__reduce_add_sync(kAllLanes, count), task.costs.most_repeats);
}

// The place that costs least, of equal ones the first. Repeats, which a whole warp counts, are
// counted for the cheapest of the others only, and until none of these could win without any.
__device__ inline PackedPlace best_place(const CorrectTask& task, const PackedPlace* centre, int y,
                                         int x, int lane, View* view) {
  constexpr unsigned kNone = 0xFFFFFFFFU;
  const int count = look(task, centre, lane, view);
  for (int i = lane; i < count; i += kWarp) {
    view->totals[i] = cost_of(task, *view, y, x, view->candidates[i]);
  }
  int best_cost = INT_MAX;
  unsigned best = kNone;
  for (;;) {
    int least = INT_MAX;
    unsigned at = kNone;
    for (int i = lane; i < count; i += kWarp) {
      if (view->totals[i] >= least) continue;
      least = view->totals[i];
      at = static_cast<unsigned>(i);
    }
    const int cheapest = __reduce_min_sync(kAllLanes, least);
    at = __reduce_min_sync(kAllLanes, least == cheapest ? at : kNone);
    if (at == kNone || cheapest > best_cost || (cheapest == best_cost && at > best)) break;
    int cost = cheapest;
    if (task.repeat_radius > 0) {
      cost += task.costs.repeat * repeats(task, centre, view->candidates[at], lane);
    }
    if (cost < best_cost || (cost == best_cost && at < best)) {
      best_cost = cost;
      best = at;
    }
    if (task.repeat_radius == 0) break;
    if (static_cast<int>(at % kWarp) == lane) view->totals[at] = INT_MAX;  // judged
  }
  return view->candidates[best];
}

}  // namespace petsgan::cuda
