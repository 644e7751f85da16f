#include "cpu/patch_reference.h"

#include <limits>
#include <string>
#include <vector>

#include "cpu/feature_map.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

void check(const PatchReference::Shape& shape, std::int64_t window) {
  if (shape.images < 1 || shape.channels < 1 || shape.value_channels < 1 || shape.height < 1 ||
      shape.width < 1) {
    throw ShapeError("PatchReference: features and values must not be empty, got " +
                     std::to_string(shape.images) + " x " + std::to_string(shape.channels) +
                     " (values " + std::to_string(shape.value_channels) + ") x " +
                     std::to_string(shape.height) + " x " + std::to_string(shape.width));
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
  packed->kernel = &similarity_kernel(shape.channels);
  packed->keys = AlignedBuffer<std::byte>(shape.images * packed->image_bytes());
  const std::int64_t row_bytes = packed->kernel->key_row_bytes(shape.channels, shape.width);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const FeatureMap map{shape.channels, shape.height, shape.width,
                         features + image * shape.channels * packed->plane()};
    const FeatureMap value_map{shape.value_channels, shape.height, shape.width,
                               values + image * shape.value_channels * packed->plane()};
    const float scale = normalizing_scale(map, "PatchReference: features", image);
    normalizing_scale(value_map, "PatchReference: values", image);  // for its check
    std::byte* keys = packed->keys.data() + image * packed->image_bytes();
    for (std::int64_t row = 0; row < shape.height; ++row) {
      packed->kernel->pack_key_row(map, scale, row, keys + row * row_bytes);
    }
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
