// Tensors of a node as shapes and pointers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ort/api.h"

namespace petsgan::ort {

using TensorShape = std::vector<std::int64_t>;

// A C-contiguous float tensor that the runtime owns, in the memory of the node's provider.
struct FloatTensor {
  TensorShape shape;
  const float* data;
};

// As "[2, 3, 32, 32]".
std::string describe(const TensorShape& shape);

FloatTensor input(const Api& api, const OrtKernelContext* context, std::size_t index);

// An input that is the same on every run; nothing where it is computed or may be fed.
std::optional<FloatTensor> constant_input(const Api& api, const OrtKernelInfo* info,
                                          std::size_t index);

// Memory for an output, or null where the graph leaves the output out.
template <typename T>
T* output(const Api& api, OrtKernelContext* context, std::size_t index, const TensorShape& shape) {
  OrtValue* value = nullptr;
  api.check(kKernelContext_GetOutput, context, index, shape.data(), shape.size(), &value);
  void* data = nullptr;
  if (value != nullptr) api.check(kGetTensorMutableData, value, &data);
  return static_cast<T*>(data);
}

}  // namespace petsgan::ort
