#include "petsgan/patch_transfer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "common/aligned_buffer.h"
#include "cpu/feature_map.h"
#include "cpu/parallel.h"
#include "cpu/patch_fold.h"
#include "cpu/patch_match.h"
#include "cpu/patch_reference.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kFoldRows = 16;
constexpr int kMaxThreads = 256;  // more would only cost memory

void check(const PatchQuery& query, const PatchTransferOptions& options) {
  if (query.batch < 0 || query.height < 1 || query.width < 1) {
    throw ShapeError("patch_transfer: query must have height and width of at least 1, got " +
                     std::to_string(query.height) + " x " + std::to_string(query.width));
  }
  if (!std::isfinite(options.temperature) || options.temperature < 0.0) {
    throw ConfigError("patch_transfer: temperature must be finite and >= 0, got " +
                      std::to_string(options.temperature));
  }
  if (options.threads < 1) {
    throw ConfigError("patch_transfer: threads must be at least 1, got " +
                      std::to_string(options.threads));
  }
}

void fold(const FoldTask& task, const Parallel& parallel) {
  const std::int64_t bands = (task.height + kFoldRows - 1) / kFoldRows;
  const std::int64_t band_size = kFoldRows * task.width * (task.channels + 1);
  using Sums = AlignedBuffer<float>;
  ScratchList<Sums> scratch([band_size] { return std::make_unique<Sums>(band_size); });
  parallel(bands, [&](std::int64_t band) {
    const std::int64_t first = band * kFoldRows;
    std::unique_ptr<Sums> sums = scratch.take();
    fold_rows(task, first, std::min(task.height, first + kFoldRows), sums->data());
    scratch.give_back(std::move(sums));
  });
}

}  // namespace

void patch_transfer(const PatchQuery& query, const PatchReference& reference,
                    const PatchTransferOptions& options, const PatchTransferOutput& output) {
  check(query, options);
  if (query.batch == 0) return;
  const PackedReference& packed = reference.packed();
  const PatchReference::Shape& shape = packed.shape;
  const std::int64_t plane = query.height * query.width;
  const Parallel parallel{std::min(options.threads, kMaxThreads), options.executor};
  PatchMatcher matcher(query.height, query.width, packed, options.temperature, parallel);
  for (std::int64_t n = 0; n < query.batch; ++n) {
    const FeatureMap map{shape.channels, query.height, query.width,
                         query.features + n * shape.channels * plane};
    std::int32_t* index = output.index + n * plane;
    float* weight = output.weight + n * plane;
    matcher.match(map, n, index, weight);
    fold({query.height, query.width, shape.height, shape.width, shape.value_channels, packed.radius,
          options.normalize, packed.values.data(), index, weight,
          output.values + n * shape.value_channels * plane},
         parallel);
  }
}

}  // namespace petsgan
