#include "petsgan/resize_window.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "cpu/resize_table.h"
#include "cpu/thread_pool.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kTaskPixels = 1 << 15;  // of one task: far more work than waking a thread

// The one formula of the op. Multiply and add must not fuse, so that all builds have the same bits.
inline float blend(float a, float b, float weight_of_b) { return (b - a) * weight_of_b + a; }

void blend_columns(const float* source, const ResizeTable& columns, float* __restrict out) {
  const std::size_t width = columns.first.size();
  const std::int32_t* first = columns.first.data();
  if (columns.copy) {
    for (std::size_t x = 0; x < width; ++x) out[x] = source[first[x]];
    return;
  }
  const std::int32_t* second = columns.second.data();
  const float* weight = columns.weight.data();
  for (std::size_t x = 0; x < width; ++x) {
    out[x] = blend(source[first[x]], source[second[x]], weight[x]);
  }
}

void blend_rows(const float* first, const float* second, float weight, std::int64_t width,
                float* __restrict out) {
  for (std::int64_t x = 0; x < width; ++x) out[x] = blend(first[x], second[x], weight);
}

// One map of the source window. Its rows are resized along their width once and the last two kept,
// while the rows of the result between them are blended: where maps grow there are fewer of the
// former, whose loads are scattered, than of the latter.
class ResizedRows {
 public:
  ResizedRows(const float* source, std::int64_t source_width, const ResizeTable& columns)
      : source_(source), source_width_(source_width), columns_(columns) {}

  // Row `row`, which may take the place of any but row `needed`.
  const float* get(std::int32_t row, std::int32_t needed) {
    for (const Slot& slot : slots_) {
      if (slot.row == row) return slot.values.data();
    }
    Slot& slot = slots_[slots_[0].row == needed ? 1 : 0];
    slot.values.resize(columns_.first.size());
    slot.row = row;
    write(row, slot.values.data());
    return slot.values.data();
  }

  void write(std::int32_t row, float* out) const {
    blend_columns(source_ + row * source_width_, columns_, out);
  }

 private:
  struct Slot {
    std::int32_t row = -1;
    std::vector<float> values;
  };

  const float* source_;
  std::int64_t source_width_;
  const ResizeTable& columns_;
  std::array<Slot, 2> slots_;
};

// Writes rows [top, bottom) of the result of one map, beginning at `out`.
void resize_band(ResizedRows source, const ResizeTable& rows, std::int64_t top, std::int64_t bottom,
                 std::int64_t width, float* out) {
  for (std::int64_t y = top; y < bottom; ++y, out += width) {
    const auto i = static_cast<std::size_t>(y);
    const std::int32_t first = rows.first[i];
    if (rows.copy) {
      source.write(first, out);
      continue;
    }
    const std::int32_t second = rows.second[i];
    const float* upper = source.get(first, second);
    const float* lower = source.get(second, first);
    blend_rows(upper, lower, rows.weight[i], width, out);
  }
}

}  // namespace

void resize_window(const ResizeShape& shape, const float* source, int threads, float* out) {
  if (shape.maps < 0) {
    throw ShapeError("resize_window: maps must be at least 0, got " + std::to_string(shape.maps));
  }
  const auto table = [&](const ResizeAxis& axis, const char* name) {
    return make_resize_table(checked_resize_axis(axis, shape.wrap, name), shape.wrap);
  };
  const ResizeTable rows = table(shape.rows, "resize_window: rows");
  const ResizeTable columns = table(shape.columns, "resize_window: columns");
  const std::int64_t height = shape.rows.length;
  const std::int64_t width = shape.columns.length;
  const std::int64_t source_plane = shape.rows.available * shape.columns.available;
  const std::int64_t band = std::clamp<std::int64_t>(kTaskPixels / width, 1, height);
  const std::int64_t bands = (height + band - 1) / band;
  parallel_for(shape.maps * bands, threads, [&](std::int64_t task, int) {
    const std::int64_t map = task / bands;
    const std::int64_t top = task % bands * band;
    resize_band({source + map * source_plane, shape.columns.available, columns}, rows, top,
                std::min(height, top + band), width, out + (map * height + top) * width);
  });
}

}  // namespace petsgan
