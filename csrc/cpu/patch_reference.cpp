#include "cpu/patch_reference.h"

#include <limits>
#include <string>

#include "cpu/patch_pack.h"
#include "cpu/simd.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

const SimilarityKernel& kernel_for(SimdLevel level) {
#ifdef PETSGAN_X86_KERNELS
  if (level == SimdLevel::kAvx512) return kSimilarityAvx512;
  if (level == SimdLevel::kAvx2) return kSimilarityAvx2;
#endif
  (void)level;
  return kSimilarityPortable;
}

void check(const PatchReference::Shape& shape, std::int64_t window) {
  if (shape.channels < 1 || shape.value_channels < 1 || shape.height < 1 || shape.width < 1) {
    throw ShapeError("PatchReference: features and values must not be empty");
  }
  if (shape.height > std::numeric_limits<std::int32_t>::max() / shape.width) {
    throw ShapeError("PatchReference: features must have fewer than 2^31 pixels, got " +
                     std::to_string(shape.height) + " x " + std::to_string(shape.width));
  }
  if (window < 1 || window % 2 == 0) {
    throw ConfigError("PatchReference: window must be an odd integer of at least 1, got " +
                      std::to_string(window));
  }
}

std::vector<float> interleave_with_one(const FeatureMap& map) {
  const std::int64_t plane = map.height * map.width;
  std::vector<float> out(static_cast<std::size_t>(plane * (map.channels + 1)));
  float* to = out.data();
  for (std::int64_t i = 0; i < plane; ++i) {
    for (std::int64_t c = 0; c < map.channels; ++c) *to++ = map.features[c * plane + i];
    *to++ = 1.0F;
  }
  return out;
}

}  // namespace

PatchReference::PatchReference(const Shape& shape, std::int64_t window, const float* features,
                               const float* values) {
  check(shape, window);
  const FeatureMap map{shape.channels, shape.height, shape.width, features};
  const FeatureMap value_map{shape.value_channels, shape.height, shape.width, values};
  const float scale = normalizing_scale(map, "PatchReference: features", -1);
  normalizing_scale(value_map, "PatchReference: values", -1);  // for its check
  auto packed = std::make_unique<PackedReference>();
  packed->shape = shape;
  packed->radius = window / 2;
  packed->kernel = &kernel_for(simd_level());
  packed->keys = AlignedBuffer<float>(shape.channels * shape.height * shape.width);
  pack_keys(map, scale, packed->kernel->max_tile, packed->keys.data());
  packed->key_scale = inverse_patch_norms(map, packed->radius, scale);
  packed->values = interleave_with_one(value_map);
  packed_ = std::move(packed);
}

PatchReference::~PatchReference() = default;
PatchReference::PatchReference(PatchReference&&) noexcept = default;
PatchReference& PatchReference::operator=(PatchReference&&) noexcept = default;

const PatchReference::Shape& PatchReference::shape() const { return packed_->shape; }

}  // namespace petsgan
