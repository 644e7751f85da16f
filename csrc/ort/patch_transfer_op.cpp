#include "ort/patch_transfer_op.h"

#include <cmath>
#include <limits>
#include <string>

#include "petsgan/errors.h"

namespace petsgan::ort {
namespace {

// The runtime reports a missing attribute and one of another type alike, so the other types are
// tried before a default is taken.
bool has_another_type(const Api& api, const OrtKernelInfo* info, const char* name) {
  float number = 0;
  std::int64_t integer = 0;
  std::size_t size = 0;
  return api.succeeds(kKernelInfoGetAttribute_float, info, name, &number) ||
         api.succeeds(kKernelInfoGetAttribute_int64, info, name, &integer) ||
         api.succeeds(kKernelInfoGetAttribute_string, info, name, nullptr, &size) ||
         api.succeeds(kKernelInfoGetAttributeArray_float, info, name, nullptr, &size) ||
         api.succeeds(kKernelInfoGetAttributeArray_int64, info, name, nullptr, &size);
}

template <typename T, typename Getter>
T attribute_or(T fallback, const Api& api, const OrtKernelInfo* info, Getter getter,
               const char* name, const char* type) {
  T value{};
  if (api.succeeds(getter, info, name, &value)) return value;
  if (has_another_type(api, info, name)) {
    throw ConfigError(std::string("PatchTransfer: attribute ") + name + " must be " + type +
                      ", got another type");
  }
  return fallback;
}

}  // namespace

PatchTransferAttributes read_attributes(const Api& api, const OrtKernelInfo* info) {
  PatchTransferAttributes read;
  read.window =
      attribute_or(read.window, api, info, kKernelInfoGetAttribute_int64, "window", "an integer");
  read.temperature = attribute_or(read.temperature, api, info, kKernelInfoGetAttribute_float,
                                  "temperature", "a float");
  const std::int64_t normalize = attribute_or<std::int64_t>(
      1, api, info, kKernelInfoGetAttribute_int64, "normalize", "an integer");
  if (read.window < 1 || read.window % 2 == 0) {
    throw ConfigError("PatchTransfer: attribute window must be an odd integer of at least 1, got " +
                      std::to_string(read.window));
  }
  if (!std::isfinite(read.temperature) || read.temperature < 0.0F) {
    throw ConfigError("PatchTransfer: attribute temperature must be finite and >= 0, got " +
                      std::to_string(read.temperature));
  }
  if (normalize != 0 && normalize != 1) {
    throw ConfigError("PatchTransfer: attribute normalize must be 0 or 1, got " +
                      std::to_string(normalize));
  }
  read.normalize = normalize == 1;
  return read;
}

PatchReference::Shape reference_shape(const FloatTensor& features, const FloatTensor& values) {
  const std::size_t rank = features.shape.size();
  if (rank != 3 && rank != 4) {
    throw ShapeError(
        "PatchTransfer: features must have shape [C, H, W] or [R, C, H, W], got shape " +
        describe(features.shape));
  }
  const std::size_t channels = rank - 3;
  TensorShape expected = features.shape;
  if (values.shape.size() == rank) expected[channels] = values.shape[channels];
  if (values.shape != expected) {
    throw ShapeError("PatchTransfer: values must have the shape of features, " +
                     describe(features.shape) + ", in all but the channels, got shape " +
                     describe(values.shape));
  }
  PatchReference::Shape shape;
  shape.images = rank == 4 ? features.shape[0] : 1;
  shape.channels = features.shape[channels];
  shape.value_channels = values.shape[channels];
  shape.height = features.shape[rank - 2];
  shape.width = features.shape[rank - 1];
  return shape;
}

PatchQuery checked_query(const FloatTensor& query, const PatchReference::Shape& reference) {
  if (query.shape.size() != 4 || query.shape[1] != reference.channels) {
    throw ShapeError("PatchTransfer: query must have shape [N, " +
                     std::to_string(reference.channels) + ", h, w] like features, got shape " +
                     describe(query.shape));
  }
  return {query.shape[0], query.shape[2], query.shape[3], query.data};
}

OrtCustomOp describe_patch_transfer() {
  OrtCustomOp op{};
  op.version = kApiVersion;
  op.GetName = [](const OrtCustomOp*) { return "PatchTransfer"; };
  op.GetInputTypeCount = [](const OrtCustomOp*) -> std::size_t { return kInputCount; };
  op.GetInputType = [](const OrtCustomOp*, std::size_t) { return kFloat; };
  op.GetInputCharacteristic = [](const OrtCustomOp*, std::size_t) { return kRequired; };
  op.GetInputMemoryType = [](const OrtCustomOp*, std::size_t) { return kDefaultMemory; };
  op.GetOutputTypeCount = [](const OrtCustomOp*) -> std::size_t { return kOutputCount; };
  op.GetOutputType = [](const OrtCustomOp*, std::size_t index) {
    return index == kIndex ? kInt32 : kFloat;
  };
  op.GetOutputCharacteristic = [](const OrtCustomOp*, std::size_t index) {
    return index == kValues ? kRequired : kOptional;
  };
  op.GetStartVersion = [](const OrtCustomOp*) { return 1; };
  op.GetEndVersion = [](const OrtCustomOp*) { return std::numeric_limits<int>::max(); };
  return op;
}

}  // namespace petsgan::ort
