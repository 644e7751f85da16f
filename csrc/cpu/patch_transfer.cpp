#include "petsgan/patch_transfer.h"

#include <algorithm>
#include <memory>

#include "common/aligned_buffer.h"
#include "cpu/feature_map.h"
#include "cpu/parallel.h"
#include "cpu/patch_fold.h"
#include "cpu/patch_match.h"
#include "cpu/patch_reference.h"
#include "cpu/patch_transfer_check.h"

namespace petsgan {
namespace {

constexpr std::int64_t kFoldRows = 16;

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
  check_patch_transfer(query, options, "patch_transfer");
  if (query.batch == 0) return;
  const PackedReference& packed = reference.packed();
  const PatchReference::Shape& shape = packed.shape;
  const std::int64_t plane = query.height * query.width;
  const Parallel parallel = parallel_of(options);
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
