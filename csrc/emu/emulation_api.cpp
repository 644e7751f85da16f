// What the tests call, through ctypes; of coordinate synthesis see synthesis_api.cpp.
#include <cstdint>

#include "cuda/plan.h"
#include "emu/fibers.h"
#include "emu/guarded.h"
#include "petsgan/cuda/patch_transfer.h"
#include "petsgan/cuda/resize_window.h"

namespace {

using petsgan::cuda::FeatureType;
using petsgan::cuda::PatchTransferShape;
using petsgan::emu::guarded;

// batch, channels, height, width, images, ref_height, ref_width, value_channels, window
PatchTransferShape shape_of(const std::int64_t* sizes) {
  return {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6], sizes[7], sizes[8]};
}

}  // namespace

extern "C" {

void emulation_set_seed(std::uint64_t seed) { petsgan::emu::set_seed(seed); }

void emulation_drop_barrier(const char* file, int line) { petsgan::emu::drop_barrier(file, line); }

const char* emulation_sizes(const std::int64_t* sizes, int type, std::int64_t* packed_bytes,
                            std::int64_t* workspace_bytes) {
  return guarded([&] {
    const PatchTransferShape shape = shape_of(sizes);
    *packed_bytes = static_cast<std::int64_t>(petsgan::cuda::packed_reference_bytes(shape));
    *workspace_bytes = static_cast<std::int64_t>(
        petsgan::cuda::workspace_bytes(shape, static_cast<FeatureType>(type)));
  });
}

// Tile, out, shifts, rows, splits, shared bytes.
const char* emulation_plan(const std::int64_t* sizes, int type, std::int64_t* result) {
  return guarded([&] {
    const auto plan =
        petsgan::cuda::plan_similarity(shape_of(sizes), static_cast<FeatureType>(type));
    const std::int64_t values[] = {plan.tile,   plan.out,
                                   plan.shifts, plan.rows,
                                   plan.splits, static_cast<std::int64_t>(plan.shared_bytes)};
    for (int i = 0; i < 6; ++i) result[i] = values[i];
  });
}

const char* emulation_pack(const std::int64_t* sizes, int type, const void* features,
                           const float* values, void* packed, std::int64_t* first_not_finite) {
  return guarded([&] {
    petsgan::cuda::pack_reference(shape_of(sizes), static_cast<FeatureType>(type),
                                  {features, values}, packed, nullptr);
    using petsgan::cuda::ReferenceArray;
    first_not_finite[0] =
        petsgan::cuda::first_not_finite(packed, ReferenceArray::kFeatures, nullptr);
    first_not_finite[1] = petsgan::cuda::first_not_finite(packed, ReferenceArray::kValues, nullptr);
  });
}

const char* emulation_transfer(const std::int64_t* sizes, int type, const void* query,
                               const void* features, const float* values, const void* packed,
                               double temperature, int normalize, float* out_values,
                               std::int32_t* out_index, float* out_weight, void* workspace) {
  return guarded([&] {
    petsgan::cuda::patch_transfer(shape_of(sizes), static_cast<FeatureType>(type), query,
                                  {features, values}, packed, {temperature, normalize != 0},
                                  {out_values, out_index, out_weight}, workspace, nullptr);
  });
}

// `rows` and `columns` are source, target, start, length, origin, available.
const char* emulation_resize(std::int64_t maps, const std::int64_t* rows,
                             const std::int64_t* columns, int wrap, const float* source,
                             float* out) {
  return guarded([&] {
    const auto axis = [](const std::int64_t* sizes) {
      return petsgan::ResizeAxis{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]};
    };
    petsgan::cuda::resize_window({maps, axis(rows), axis(columns), wrap != 0}, source, out,
                                 nullptr);
  });
}

}  // extern "C"
