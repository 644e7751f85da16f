// The public functions: checks, cuts the buffers, and launches the kernels in order.
#include "petsgan/cuda/patch_transfer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "cuda/kernels.h"
#include "cuda/plan.h"
#include "cuda/sizes.h"
#include "petsgan/errors.h"

namespace petsgan::cuda {
namespace {

constexpr double kLog2OfE = 1.4426950408889634;

template <typename T>
T* at(void* buffer, std::size_t offset) {
  return reinterpret_cast<T*>(static_cast<unsigned char*>(buffer) + offset);
}

template <typename T>
const T* at(const void* buffer, std::size_t offset) {
  return reinterpret_cast<const T*>(static_cast<const unsigned char*>(buffer) + offset);
}

void check_reference(const ReferencePointers& reference, FeatureType type, const void* packed) {
  check_pointer("patch_transfer", "reference features", reference.features, feature_bytes(type));
  check_pointer("patch_transfer", "reference values", reference.values, alignof(float));
  check_pointer("patch_transfer", "packed reference", packed, kAlignment);
}

void check_options(const PatchTransferOptions& options) {
  if (!std::isfinite(options.temperature) || options.temperature < 0.0) {
    throw ConfigError("patch_transfer: temperature must be finite and >= 0, got " +
                      std::to_string(options.temperature));
  }
}

// log2(e) / temperature as a factor of cosines; 0 stands for a hard match.
float per_cosine(double temperature) {
  if (temperature == 0.0) return 0.0F;
  return static_cast<float>(std::clamp(kLog2OfE / temperature, 1e-30, 1e30));
}

// float16 spans too few powers of two to be scaled without loss, and its squares fit float32
// anyway.
bool is_scaled(FeatureType type) { return type != FeatureType::kFloat16; }

void clear(void* memory, std::size_t bytes, Stream stream) {
  check(cudaMemsetAsync(memory, 0, bytes, stream), "patch_transfer: clear");
}

// Everything that stays the same from one group of images to the next.
class Transfer {
 public:
  Transfer(const PatchTransferShape& shape, FeatureType type, const ReferencePointers& reference,
           const void* packed, const PatchTransferOptions& options, void* workspace, Stream stream)
      : shape_(shape),
        type_(type),
        reference_(reference),
        packed_(packed),
        packed_layout_(shape),
        options_(options),
        plan_(plan_similarity(shape, type)),
        layout_(shape, plan_),
        workspace_(workspace),
        stream_(stream) {}

  std::int64_t images_per_launch() const { return layout_.images; }

  // Images [first, first + images) of the batch.
  void run(std::int64_t first, std::int64_t images, const void* query,
           const PatchTransferOutput& output) const {
    const std::int64_t pixels = shape_.height * shape_.width;
    const std::int64_t features = first * shape_.channels * pixels;
    const auto* from = static_cast<const unsigned char*>(query) +
                       static_cast<std::size_t>(features) * feature_bytes(type_);
    std::int32_t* index = output.index + first * pixels;
    float* weight = output.weight + first * pixels;
    measure(from, images);
    search(from, images);
    merge(images, index, weight);
    fold(images, index, weight, output.values + first * shape_.value_channels * pixels);
  }

 private:
  void measure(const void* query, std::int64_t images) const {
    clear(workspace_, layout_.scales - layout_.summaries, stream_);
    const NormsTask task{{query, images, shape_.channels, shape_.height, shape_.width},
                         1,
                         shape_.window / 2,
                         is_scaled(type_),
                         at<MapSummary>(workspace_, layout_.summaries),
                         at<float>(workspace_, layout_.scales),
                         at<double>(workspace_, layout_.energy),
                         at<float>(workspace_, layout_.inverse)};
    launch_energy(type_, task, stream_);
    launch_inverse_norms(task, stream_);
  }

  void search(const void* query, std::int64_t images) const {
    const SimilarityTask task{plan_,
                              query,
                              reference_.features,
                              at<float>(workspace_, layout_.scales),
                              at<float>(packed_, packed_layout_.scale),
                              at<float>(workspace_, layout_.inverse),
                              at<float>(packed_, packed_layout_.inverse),
                              per_cosine(options_.temperature),
                              states()};
    launch_similarity(type_, task, images, stream_);
  }

  void merge(std::int64_t images, std::int32_t* index, float* weight) const {
    launch_merge(
        {states(), images, plan_.splits, shape_.height * shape_.width,
         at<float>(workspace_, layout_.scales), at<float>(packed_, packed_layout_.scale),
         at<float>(workspace_, layout_.inverse), per_cosine(options_.temperature), index, weight},
        stream_);
  }

  void fold(std::int64_t images, const std::int32_t* index, const float* weight,
            float* values) const {
    launch_fold(
        {index, weight, reference_.values, values, images, shape_.value_channels, shape_.height,
         shape_.width, shape_.ref_height, shape_.ref_width, shape_.window / 2, options_.normalize},
        stream_);
  }

  MatchStates states() const {
    return {at<float>(workspace_, layout_.best), at<float>(workspace_, layout_.sum),
            at<std::int32_t>(workspace_, layout_.index)};
  }

  const PatchTransferShape shape_;
  const FeatureType type_;
  const ReferencePointers reference_;
  const void* packed_;
  const PackedLayout packed_layout_;
  const PatchTransferOptions options_;
  const SimilarityPlan plan_;
  const WorkspaceLayout layout_;
  void* workspace_;
  const Stream stream_;
};

}  // namespace

std::size_t packed_reference_bytes(const PatchTransferShape& shape) {
  check_reference_sizes(shape);
  return PackedLayout(shape).size;
}

std::size_t workspace_bytes(const PatchTransferShape& shape, FeatureType type) {
  check_query_sizes(shape);
  return WorkspaceLayout(shape, plan_similarity(shape, type)).size;
}

void pack_reference(const PatchTransferShape& shape, FeatureType type,
                    const ReferencePointers& reference, void* packed, Stream stream) {
  check_reference_sizes(shape);
  check_reference(reference, type, packed);
  const PackedLayout layout(shape);
  clear(packed, layout.scale, stream);
  NormsTask task{
      {reference.values, shape.images, shape.value_channels, shape.ref_height, shape.ref_width},
      shape.images,
      shape.window / 2,
      is_scaled(type),
      at<MapSummary>(packed, layout.value_summary),
      at<float>(packed, layout.scale),
      at<double>(packed, layout.energy),
      at<float>(packed, layout.inverse)};
  // Of the values only the summary is kept; the energies are overwritten by the features'.
  launch_energy(FeatureType::kFloat32, task, stream);
  task.input.features = reference.features;
  task.input.channels = shape.channels;
  task.summaries = at<MapSummary>(packed, layout.feature_summary);
  launch_energy(type, task, stream);
  launch_inverse_norms(task, stream);
}

std::int64_t first_not_finite(const void* packed, ReferenceArray array, Stream stream) {
  check_pointer("patch_transfer", "packed reference", packed, kAlignment);
  const PackedLayout layout({0, 1, 0, 0, 1, 1, 1, 1, 1});
  const std::size_t offset =
      array == ReferenceArray::kFeatures ? layout.feature_summary : layout.value_summary;
  MapSummary summary{};
  check(cudaMemcpyAsync(&summary, at<MapSummary>(packed, offset), sizeof summary,
                        cudaMemcpyDeviceToHost, stream),
        "patch_transfer: read the summary of the reference");
  check(cudaStreamSynchronize(stream), "patch_transfer: wait for the reference");
  const unsigned long long code = summary.not_finite_code;
  return code == 0 ? -1 : static_cast<std::int64_t>(~code);
}

void patch_transfer(const PatchTransferShape& shape, FeatureType type, const void* query,
                    const ReferencePointers& reference, const void* packed,
                    const PatchTransferOptions& options, const PatchTransferOutput& output,
                    void* workspace, Stream stream) {
  check_query_sizes(shape);
  check_options(options);
  if (shape.batch == 0) return;
  check_reference(reference, type, packed);
  check_pointer("patch_transfer", "query", query, feature_bytes(type));
  check_pointer("patch_transfer", "output values", output.values, alignof(float));
  check_pointer("patch_transfer", "output index", output.index, alignof(std::int32_t));
  check_pointer("patch_transfer", "output weight", output.weight, alignof(float));
  check_pointer("patch_transfer", "workspace", workspace, kAlignment);
  const Transfer transfer(shape, type, reference, packed, options, workspace, stream);
  for (std::int64_t first = 0; first < shape.batch; first += transfer.images_per_launch()) {
    transfer.run(first, std::min(transfer.images_per_launch(), shape.batch - first), query, output);
  }
}

}  // namespace petsgan::cuda
