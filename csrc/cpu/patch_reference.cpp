#include "cpu/patch_reference.h"

#include <limits>
#include <string>
#include <vector>

#include "cpu/patch_pack.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

void check(const PatchReference::Shape& shape, std::int64_t window) {
  if (shape.images < 1 || shape.channels < 1 || shape.value_channels < 1 || shape.height < 1 ||
      shape.width < 1) {
    throw ShapeError("PatchReference: features and values must not be empty");
  }
  constexpr std::int64_t kMaxPixels = std::numeric_limits<std::int32_t>::max();
  if (shape.height > kMaxPixels / shape.width ||
      shape.images > kMaxPixels / (shape.height * shape.width)) {
    throw ShapeError("PatchReference: features must have fewer than 2^31 pixels, got " +
                     std::to_string(shape.images) + " x " + std::to_string(shape.height) + " x " +
                     std::to_string(shape.width));
  }
  if (window < 1 || window % 2 == 0) {
    throw ConfigError("PatchReference: window must be an odd integer of at least 1, got " +
                      std::to_string(window));
  }
}

void append_interleaved_with_one(const FeatureMap& map, std::vector<float>& out) {
  const std::int64_t plane = map.height * map.width;
  for (std::int64_t i = 0; i < plane; ++i) {
    for (std::int64_t c = 0; c < map.channels; ++c) out.push_back(map.features[c * plane + i]);
    out.push_back(1.0F);
  }
}

}  // namespace

PatchReference::PatchReference(const Shape& shape, std::int64_t window, const float* features,
                               const float* values) {
  check(shape, window);
  auto packed = std::make_unique<PackedReference>();
  packed->shape = shape;
  packed->radius = window / 2;
  packed->kernel = &similarity_kernel();
  packed->keys = AlignedBuffer<float>(shape.images * packed->key_floats());
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const FeatureMap map{shape.channels, shape.height, shape.width,
                         features + image * packed->key_floats()};
    const FeatureMap value_map{shape.value_channels, shape.height, shape.width,
                               values + image * shape.value_channels * packed->plane()};
    const float scale = normalizing_scale(map, "PatchReference: features", image);
    normalizing_scale(value_map, "PatchReference: values", image);  // for its check
    pack_keys(map, scale, packed->kernel->max_tile,
              packed->keys.data() + image * packed->key_floats());
    const std::vector<float> inverse = inverse_patch_norms(map, packed->radius, scale);
    packed->key_scale.insert(packed->key_scale.end(), inverse.begin(), inverse.end());
    append_interleaved_with_one(value_map, packed->values);
  }
  packed_ = std::move(packed);
}

PatchReference::~PatchReference() = default;
PatchReference::PatchReference(PatchReference&&) noexcept = default;
PatchReference& PatchReference::operator=(PatchReference&&) noexcept = default;

const PatchReference::Shape& PatchReference::shape() const { return packed_->shape; }

}  // namespace petsgan
