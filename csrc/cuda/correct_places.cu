// The correction of places: a warp for each pixel of one parity, none of which sees another change.
//
// A subpass is two launches: the first reads places and writes what the pixels of its parity
// choose, the second puts these into the places and, on a torus, into the copies beyond its sides.
// Places have a border as wide as a pixel sees, so that nothing asks where the canvas ends. Bound,
// by arithmetic, by the windows of candidates: 25 loads of 8 bytes and 100 products of four bytes
// for each, from a photo that the cache of the device holds.
#include <algorithm>
#include <string>

#include "common/place_checks.h"
#include "cuda/buffers.h"
#include "cuda/lines.h"
#include "cuda/place_view.h"
#include "petsgan/cuda/correct_places.h"

namespace petsgan::cuda {
namespace {

constexpr const char* kOp = "correct_places";
constexpr int kWarps = 4;  // of a block, each with a pixel
constexpr int kSubpasses = 4;

__device__ inline PackedPlace& place_at(const CorrectTask& task, std::int64_t y, std::int64_t x) {
  return task.places[y * task.stride + x];
}

__device__ inline int wrapped(int i, int size) {
  const int rest = i % size;
  return rest < 0 ? rest + size : rest;
}

// The pixel of the canvas that a pixel of the places with their border shows; false for none.
__device__ inline bool shown_pixel(const CorrectTask& task, LinePixel at, int* y, int* x) {
  *y = static_cast<int>(at.line) - task.border;
  *x = static_cast<int>(at.x) - task.border;
  if (*y >= 0 && *x >= 0 && *y < task.height && *x < task.width) return true;
  *y = wrapped(*y, task.height);
  *x = wrapped(*x, task.width);
  return task.window.wraps;
}

__global__ void __launch_bounds__(kLineThreads) load_kernel(CorrectTask task) {
  const LinePixel at = line_pixel(task.stride);
  if (at.x >= task.stride) return;
  PackedPlace place = kNoPlace;
  int y, x;
  if (shown_pixel(task, at, &y, &x)) {
    const std::int16_t* from = task.window.places + 2 * (std::int64_t{y} * task.width + x);
    const bool is_inside =
        from[0] >= 0 && from[0] < task.photo.height && from[1] >= 0 && from[1] < task.photo.width;
    if (is_inside) place = from[0] * 65536 + from[1];
    const auto asks = [](int guide) { return guide >= 0 && guide <= 1024; };
    if (!is_inside || !asks(task.window.row_guides[y]) || !asks(task.window.column_guides[x])) {
      atomicMax(task.wrong, 1ULL);
    }
  }
  place_at(task, at.line - task.border, at.x - task.border) = place;
}

// Whether a pixel does not continue the one before it or the one above. Where the canvas ends
// nothing is broken.
__device__ inline bool is_break(const CorrectTask& task, std::int64_t y, std::int64_t x) {
  if (y >= task.height || x >= task.width) return false;
  const PackedPlace* at = &place_at(task, y, x);
  const bool across = (x > 0 || task.window.wraps) && at[0] != at[-1] + 1;
  const bool down = (y > 0 || task.window.wraps) && at[0] != at[-task.stride] + 65536;
  return across || down;
}

// Marks the pixels that a pass looks at: what continues in these four continues in all neighbours
// but the upper left one. The sides of a torus are looked at as a whole.
__global__ void __launch_bounds__(kLineThreads) active_kernel(CorrectTask task) {
  const LinePixel at = line_pixel(task.width);
  if (at.x >= task.width) return;
  const std::int64_t y = at.line, x = at.x;
  const bool is_side = y < kWindowRadius || x < kWindowRadius || y >= task.height - kWindowRadius ||
                       x >= task.width - kWindowRadius;
  task.active[y * task.width + x] = (task.window.wraps && is_side) || is_break(task, y, x) ||
                                    is_break(task, y, x + 1) || is_break(task, y + 1, x) ||
                                    is_break(task, y + 1, x + 1);
}

__host__ __device__ inline int half(int count) { return (count + 1) / 2; }

__device__ inline PackedPlace& chosen_at(const CorrectTask& task, int y, int x) {
  return task.chosen[std::int64_t{y >> 1} * task.chosen_stride + (x >> 1)];
}

__global__ void __launch_bounds__(kWarps* kWarp) choose_kernel(CorrectTask task) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const auto chunks = static_cast<unsigned>(ceil_div(half(task.right - task.first_x), kWarps));
  const int y = task.first_y + 2 * static_cast<int>(blockIdx.x / chunks);
  const int x = task.first_x + 2 * (static_cast<int>(blockIdx.x % chunks) * kWarps + warp);
  if (x >= task.right || *task.wrong != 0) return;
  const PackedPlace* centre = &place_at(task, y, x);
  const std::int64_t pixel = std::int64_t{y} * task.width + x;
  PackedPlace chosen = *centre;
  bool looks = task.window.fixed == nullptr || task.window.fixed[pixel] == 0;
  if (looks && task.active != nullptr && task.active[pixel] == 0) {
    // Inside a coherent piece there is no reason to change but that it stands again nearby.
    looks = task.repeat_radius > 0 && repeats(task, centre, chosen, lane) > 0;
  }
  if (looks) {
    View* views = reinterpret_cast<View*>(dynamic_shared_memory());
    chosen = best_place(task, centre, y, x, lane, views + warp);
  }
  if (lane == 0) chosen_at(task, y, x) = chosen;
}

__global__ void __launch_bounds__(kLineThreads) apply_kernel(CorrectTask task) {
  const LinePixel at = line_pixel(task.stride);
  int y, x;
  if (at.x >= task.stride || *task.wrong != 0 || !shown_pixel(task, at, &y, &x)) return;
  const bool was_chosen = y >= task.first_y && y < task.bottom && x >= task.first_x &&
                          x < task.right && ((y - task.first_y) & 1) == 0 &&
                          ((x - task.first_x) & 1) == 0;
  if (!was_chosen) return;
  place_at(task, at.line - task.border, at.x - task.border) = chosen_at(task, y, x);
}

__global__ void __launch_bounds__(kLineThreads) store_kernel(CorrectTask task) {
  const LinePixel at = line_pixel(task.width);
  if (at.x >= task.width) return;
  const PackedPlace place = *task.wrong != 0 ? -1 : place_at(task, at.line, at.x);
  std::int16_t* to = task.out + 2 * (at.line * task.width + at.x);
  to[0] = static_cast<std::int16_t>(place >> 16);
  to[1] = static_cast<std::int16_t>(place & 0xFFFF);
}

struct CheckTask {
  PlacePhoto photo;
  PlaceArray array;
  std::int64_t count;
  unsigned long long* first_code;  // ~position of the first that is wrong; 0: none
};

__global__ void __launch_bounds__(kLineThreads) check_kernel(CheckTask task) {
  const LinePixel at = line_pixel(task.count);
  const std::int64_t i = at.x;
  if (i >= task.count) return;
  bool is_right;
  if (task.array == PlaceArray::kAlike) {
    const int y = task.photo.alike[2 * i], x = task.photo.alike[2 * i + 1];
    is_right = y < 0 || (y < task.photo.alike_height && x >= 0 && x < task.photo.alike_width);
  } else {
    is_right = task.photo.prices[i] >= -kMaxPrice && task.photo.prices[i] <= kMaxPrice;
  }
  if (!is_right) atomicMax(task.first_code, ~static_cast<unsigned long long>(i));
}

void check_photo(const PlacePhoto& photo) {
  check_place_photo(photo);
  check_pointer(kOp, "features", photo.features, sizeof(int2));
  if (photo.alike_count > 0) check_pointer(kOp, "alike", photo.alike, alignof(std::int16_t));
}

// How a correction's places and buffers are laid out.
struct Layout {
  Layout(const PlacePhoto& photo, const PlaceWindow& window, const PlaceCosts& costs) {
    check_place_photo(photo);
    check_counted_photo(photo, costs);
    check_place_costs(costs, 0);
    check_positive(kOp, "window height", window.height);
    check_positive(kOp, "window width", window.width);
    checked_product(kOp, "places of a window", {window.height, window.width}, kMaxPixels);
    border = places_border(costs);
    const std::int64_t rows = window.height + 2 * border, columns = window.width + 2 * border;
    checked_product(kOp, "places of a window and its border", {rows, columns}, kMaxPixels);
    Cutter cutter;
    wrong = cutter.take(1, sizeof(unsigned long long));
    places = cutter.take(rows * columns, sizeof(PackedPlace));
    chosen = cutter.take(((window.height + 1) / 2) * ((window.width + 1) / 2), sizeof(PackedPlace));
    active = cutter.take(photo.prices == nullptr ? window.height * window.width : 0, 1);
    size = cutter.end();
  }

  static std::int64_t places_border(const PlaceCosts& costs) {
    return std::max<std::int64_t>(kWindowRadius, costs.repeat > 0 ? costs.repeat_radius : 0);
  }

  std::int64_t border = 0;
  std::size_t wrong = 0, places = 0, chosen = 0, active = 0, size = 0;
};

CorrectTask task_of(const PlacePhoto& photo, const PlaceWindow& window, const PlaceCosts& costs,
                    const Layout& layout, std::int16_t* out, void* workspace) {
  CorrectTask task{};
  task.photo = photo;
  task.feature_row = static_cast<int>(photo.width + 2 * kPlaceBorder);
  task.features =
      reinterpret_cast<const int2*>(photo.features) + kPlaceBorder * (task.feature_row + 1);
  task.costs = costs;
  task.repeat_radius = costs.repeat > 0 ? static_cast<int>(costs.repeat_radius) : 0;
  task.repeat_near = static_cast<int>(costs.repeat_near);
  std::copy_n(kWindowWeights, kWindowPixels, task.weights);
  task.window = window;
  task.height = static_cast<int>(window.height);
  task.width = static_cast<int>(window.width);
  task.border = static_cast<int>(layout.border);
  task.stride = task.width + 2 * task.border;
  task.places = part_of<PackedPlace>(workspace, layout.places) +
                std::int64_t{task.border} * (task.stride + 1);
  if (photo.prices == nullptr) task.active = part_of<unsigned char>(workspace, layout.active);
  task.chosen = part_of<PackedPlace>(workspace, layout.chosen);
  task.chosen_stride = half(task.width);
  task.wrong = part_of<unsigned long long>(workspace, layout.wrong);
  task.out = out;
  return task;
}

}  // namespace

std::int64_t first_wrong(const PlacePhoto& photo, PlaceArray array, void* scratch, Stream stream) {
  check_photo(photo);
  check_pointer(kOp, "scratch", scratch, kAlignment);
  const bool in_alike = array == PlaceArray::kAlike;
  const std::int64_t count = in_alike ? photo.alike_height * photo.alike_width * photo.alike_count
                             : photo.prices == nullptr ? 0
                                                       : photo.height * photo.width;
  if (count == 0) return -1;
  if (!in_alike) check_pointer(kOp, "prices", photo.prices, alignof(std::int32_t));
  auto* code = static_cast<unsigned long long*>(scratch);
  check(cudaMemsetAsync(code, 0, sizeof *code, stream), "correct_places: clear");
  launch("correct_places: check", &check_kernel, line_blocks(1, count), kLineThreads, 0, stream,
         CheckTask{photo, array, count, code});
  unsigned long long found = 0;
  check(cudaMemcpyAsync(&found, code, sizeof found, cudaMemcpyDeviceToHost, stream),
        "correct_places: read the check");
  check(cudaStreamSynchronize(stream), "correct_places: wait for the check");
  return found == 0 ? -1 : static_cast<std::int64_t>(~found);
}

std::size_t correct_places_workspace_bytes(const PlacePhoto& photo, const PlaceWindow& window,
                                           const PlaceCosts& costs) {
  return Layout(photo, window, costs).size;
}

void correct_places(const PlacePhoto& photo, const PlaceWindow& window, const PlaceCosts& costs,
                    std::int64_t passes, std::int16_t* out, void* workspace, Stream stream) {
  const Layout layout(photo, window, costs);
  check_place_costs(costs, passes);
  check_photo(photo);
  if (photo.prices != nullptr) check_pointer(kOp, "prices", photo.prices, alignof(std::int32_t));
  check_pointer(kOp, "places", window.places, alignof(std::int16_t));
  check_pointer(kOp, "row_guides", window.row_guides, alignof(std::int32_t));
  check_pointer(kOp, "column_guides", window.column_guides, alignof(std::int32_t));
  check_pointer(kOp, "out", out, alignof(std::int16_t));
  check_pointer(kOp, "workspace", workspace, kAlignment);
  CorrectTask task = task_of(photo, window, costs, layout, out, workspace);
  const std::int64_t padded = line_blocks(task.height + 2 * task.border, task.stride);
  const std::int64_t whole = line_blocks(task.height, task.width);
  const auto over = [&](const char* name, void (*kernel)(CorrectTask), std::int64_t blocks) {
    launch(name, kernel, blocks, kLineThreads, 0, stream, task);
  };
  check(cudaMemsetAsync(task.wrong, 0, sizeof *task.wrong, stream), "correct_places: clear");
  over("correct_places: load", &load_kernel, padded);
  std::int64_t reach = 0;  // of what was done: only pixels that saw nothing else are right
  for (std::int64_t pass = 0; pass < passes; ++pass) {
    if (task.active != nullptr) over("correct_places: active", &active_kernel, whole);
    for (int sub = 0; sub < kSubpasses; ++sub) {
      reach += layout.border;
      const std::int64_t top = window.open_above ? reach : 0;
      const std::int64_t left = window.open_left ? reach : 0;
      task.bottom = static_cast<int>(window.height - (window.open_below ? reach : 0));
      task.right = static_cast<int>(window.width - (window.open_right ? reach : 0));
      task.first_y = static_cast<int>(top + ((top + window.top + (sub & 1)) & 1));
      task.first_x = static_cast<int>(left + ((left + window.left + (sub >> 1)) & 1));
      if (task.first_y >= task.bottom || task.first_x >= task.right) continue;
      const std::int64_t blocks = std::int64_t{half(task.bottom - task.first_y)} *
                                  ceil_div(half(task.right - task.first_x), kWarps);
      launch("correct_places: choose", &choose_kernel, blocks, kWarps * kWarp,
             kWarps * sizeof(View), stream, task);
      over("correct_places: apply", &apply_kernel, padded);
    }
  }
  over("correct_places: store", &store_kernel, whole);
}

}  // namespace petsgan::cuda
