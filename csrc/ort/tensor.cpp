#include "ort/tensor.h"

#include <memory>

namespace petsgan::ort {
namespace {

struct ReleaseShape {
  Api api;
  void operator()(OrtTensorTypeAndShapeInfo* info) const {
    api.call(kReleaseTensorTypeAndShapeInfo, info);
  }
};

FloatTensor view(const Api& api, const OrtValue* value) {
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  api.check(kGetTensorTypeAndShape, value, &raw);
  const std::unique_ptr<OrtTensorTypeAndShapeInfo, ReleaseShape> info(raw, ReleaseShape{api});
  std::size_t rank = 0;
  api.check(kGetDimensionsCount, raw, &rank);
  TensorShape shape(rank);
  api.check(kGetDimensions, raw, shape.data(), rank);
  void* data = nullptr;
  // The ABI has no accessor for constant tensors; nobody writes through this pointer.
  api.check(kGetTensorMutableData, const_cast<OrtValue*>(value), &data);
  return {std::move(shape), static_cast<const float*>(data)};
}

}  // namespace

std::string describe(const TensorShape& shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    text += (axis ? ", " : "") + std::to_string(shape[axis]);
  }
  return text + "]";
}

FloatTensor input(const Api& api, const OrtKernelContext* context, std::size_t index) {
  const OrtValue* value = nullptr;
  api.check(kKernelContext_GetInput, context, index, &value);
  return view(api, value);
}

std::optional<FloatTensor> constant_input(const Api& api, const OrtKernelInfo* info,
                                          std::size_t index) {
  int is_constant = 0;
  const OrtValue* value = nullptr;
  api.check(kKernelInfoGetConstantInput_tensor, info, index, &is_constant, &value);
  if (!is_constant) return std::nullopt;
  return view(api, value);
}

}  // namespace petsgan::ort
