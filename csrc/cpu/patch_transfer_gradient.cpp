#include "petsgan/patch_transfer_gradient.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cpu/parallel.h"
#include "cpu/patch_fold_gradient.h"
#include "cpu/patch_gradient.h"
#include "cpu/patch_reference.h"
#include "cpu/patch_transfer_check.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kBandRows = 16;

void check_index(const PatchReference::Shape& shape, const PatchMatches& matches,
                 std::int64_t size) {
  const std::int64_t pixels = shape.images * shape.height * shape.width;
  for (std::int64_t i = 0; i < size; ++i) {
    if (matches.index[i] < 0 || matches.index[i] >= pixels) {
      throw InputError("patch_transfer_gradient: index must be in [0, " + std::to_string(pixels) +
                       "), got " + std::to_string(matches.index[i]));
    }
  }
}

// Runs rows(first, last) for bands of rows.
template <typename Rows>
void in_bands(const Parallel& parallel, std::int64_t height, const Rows& rows) {
  parallel((height + kBandRows - 1) / kBandRows, [&](std::int64_t band) {
    rows(band * kBandRows, std::min(height, (band + 1) * kBandRows));
  });
}

// Gradients through the overlap average of one image: adds to `to_weight` and `to_values`.
void fold_gradient(const FoldTask& task, const float* gradient, std::int64_t value_rows,
                   const Parallel& parallel, std::vector<float>& votes, float* to_weight,
                   double* to_values) {
  in_bands(parallel, task.height, [&](std::int64_t first, std::int64_t last) {
    vote_gradient_rows(task, gradient, first, last, votes.data());
  });
  in_bands(parallel, task.height, [&](std::int64_t first, std::int64_t last) {
    weight_gradient_rows(task, votes.data(), first, last, to_weight);
  });
  in_bands(parallel, value_rows, [&](std::int64_t first, std::int64_t last) {
    value_gradient_rows(task, votes.data(), first, last, to_values);
  });
}

// From [images][height][width][value_channels + 1] to [images][value_channels][height][width].
void unpack_values(const PatchReference::Shape& shape, const std::vector<double>& packed,
                   float* values) {
  const std::int64_t plane = shape.height * shape.width, stride = shape.value_channels + 1;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const double* from = packed.data() + image * plane * stride;
    for (std::int64_t c = 0; c < shape.value_channels; ++c) {
      for (std::int64_t i = 0; i < plane; ++i) {
        *values++ = static_cast<float>(from[i * stride + c]);
      }
    }
  }
}

}  // namespace

void patch_transfer_gradient(const PatchQuery& query, const PatchReference& reference,
                             const float* features, const PatchTransferOptions& options,
                             const PatchMatches& matches, const PatchOutputGradient& gradient,
                             const PatchInputGradient& result) {
  check_patch_transfer(query, options, "patch_transfer_gradient");
  const PackedReference& packed = reference.packed();
  const PatchReference::Shape& shape = packed.shape;
  const std::int64_t plane = query.height * query.width;
  check_index(shape, matches, query.batch * plane);
  const Parallel parallel = parallel_of(options);
  const std::int64_t value_rows = shape.images * shape.height;
  const std::int64_t stride = shape.value_channels + 1;
  std::vector<double> to_values(static_cast<std::size_t>(value_rows * shape.width * stride));
  std::vector<float> votes(static_cast<std::size_t>(plane * stride));
  std::vector<float> to_weight(static_cast<std::size_t>(plane));
  std::unique_ptr<PatchGradient> match_gradient;
  if (query.batch > 0 && options.temperature > 0.0) {
    match_gradient = std::make_unique<PatchGradient>(query.height, query.width, packed, features,
                                                     options.temperature, parallel);
  }
  for (std::int64_t n = 0; n < query.batch; ++n) {
    const FoldTask task{query.height,
                        query.width,
                        shape.height,
                        shape.width,
                        shape.value_channels,
                        packed.radius,
                        options.normalize,
                        packed.values.data(),
                        matches.index + n * plane,
                        matches.weight + n * plane,
                        nullptr};
    std::copy_n(gradient.weight + n * plane, plane, to_weight.data());
    fold_gradient(task, gradient.values + n * shape.value_channels * plane, value_rows, parallel,
                  votes, to_weight.data(), to_values.data());
    const std::int64_t at = n * shape.channels * plane;
    if (match_gradient != nullptr) {
      match_gradient->run({shape.channels, query.height, query.width, query.features + at}, n,
                          task.index, task.weight, to_weight.data(), result.query + at);
    } else {
      std::fill_n(result.query + at, shape.channels * plane, 0.0F);
    }
  }
  unpack_values(shape, to_values, result.values);
}

}  // namespace petsgan
