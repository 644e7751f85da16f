#include "cuda/plan.h"

#include <algorithm>
#include <string>

#include "cuda/tile_layout.h"
#include "petsgan/errors.h"

namespace petsgan::cuda {
namespace {

// What every GPU of compute capability 8.0 or newer grants a block that asks for it.
constexpr std::size_t kSharedBytes = 99 * 1024;
// Enough for several blocks on each multiprocessor of the largest GPUs.
constexpr std::int64_t kBlocksPerImage = 1024;
// A block of fewer rows spends most of its time above and below them.
constexpr std::int64_t kMinRows = 8, kMaxRows = 32;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// What a row pair of one query and one reference image costs, in multiply-adds on the float32
// lanes. From the rates that are published for a multiprocessor, not from measurements: 128 float32
// multiply-adds, about eight times as many on the tensor cores, and 32 bytes from L2 a cycle.
double row_pair_cost(const SimilarityPlan& plan, FeatureType type, int tile, int out) {
  constexpr double kPerByte = 128.0 / 32.0;
  const int window = 2 * plan.radius_x + 1;
  const double products = static_cast<double>(tile) * tile;
  const double channels = static_cast<double>(plan.channels);
  const double multiply =
      products * (channels * (type == FeatureType::kFloat32 ? 1.0 : 0.125) + 2.0);
  const double load = 2.0 * tile * channels * static_cast<double>(feature_bytes(type)) * kPerByte;
  const double product_tiles = static_cast<double>(divide_up(window, tile - out + 1));
  const double sums = static_cast<double>(out) * out * (window + 20.0);
  const double tiles = static_cast<double>(divide_up(plan.query_width, out)) *
                       static_cast<double>(divide_up(plan.key_width, out));
  return tiles * (product_tiles * (multiply + load) + sums);
}

void choose_tile(SimilarityPlan& plan, FeatureType type) {
  double best = 0.0;
  for (const int tile : {32, 64}) {
    for (int out = tile; out >= 1; --out) {
      if (shared_bytes(tile, out, plan.radius_y, feature_bytes(type)) > kSharedBytes) continue;
      const double cost = row_pair_cost(plan, type, tile, out);
      if (plan.out != 0 && cost >= best) continue;
      best = cost;
      plan.tile = tile;
      plan.out = out;
    }
  }
  if (plan.out == 0) {
    throw ConfigError(
        "patch_transfer: window must fit the shared memory of a GPU, that is reach at "
        "most about 10000 rows of the smaller map, got " +
        std::to_string(2 * plan.radius_y + 1) + " rows; hint: a smaller window");
  }
  plan.shifts = plan.tile - plan.out + 1;
  plan.shared_bytes = shared_bytes(plan.tile, plan.out, plan.radius_y, feature_bytes(type));
}

void choose_rows(SimilarityPlan& plan, std::int64_t images, std::int64_t rows) {
  plan.rows = rows;
  plan.row_chunks = divide_up(plan.query_height, rows);
  plan.diagonals = plan.key_height + rows - 1;
  plan.units = images * plan.key_tiles * plan.diagonals;
}

}  // namespace

SimilarityPlan plan_similarity(const PatchTransferShape& shape, FeatureType type) {
  SimilarityPlan plan{};
  plan.channels = shape.channels;
  plan.query_height = shape.height;
  plan.query_width = shape.width;
  plan.key_height = shape.ref_height;
  plan.key_width = shape.ref_width;
  // A larger shift pairs no pixel of one map with a pixel of the other.
  const std::int64_t radius = shape.window / 2;
  plan.radius_y = static_cast<int>(std::min({radius, shape.height - 1, shape.ref_height - 1}));
  plan.radius_x = static_cast<int>(std::min({radius, shape.width - 1, shape.ref_width - 1}));
  choose_tile(plan, type);
  plan.query_tiles = divide_up(plan.query_width, plan.out);
  plan.key_tiles = divide_up(plan.key_width, plan.out);

  const std::int64_t least = std::max<std::int64_t>(kMinRows, 2 * plan.radius_y);
  const std::int64_t rows = std::max<std::int64_t>(kMaxRows, 4 * plan.radius_y);
  choose_rows(plan, shape.images, std::min(rows, plan.query_height));
  while (divide_up(plan.rows, 2) >= least &&
         plan.row_chunks * plan.query_tiles * plan.units < kBlocksPerImage) {
    choose_rows(plan, shape.images, divide_up(plan.rows, 2));
  }
  plan.splits = std::clamp<std::int64_t>(
      divide_up(kBlocksPerImage, plan.row_chunks * plan.query_tiles), 1, plan.units);
  return plan;
}

}  // namespace petsgan::cuda
