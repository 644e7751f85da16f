// What pets::PatchTransfer is, whichever provider runs it: inputs, outputs, attributes, shapes.
#pragma once

#include <cstdint>

#include "ort/tensor.h"
#include "petsgan/patch_transfer.h"

namespace petsgan::ort {

enum PatchTransferInput : std::size_t { kQuery, kFeatures, kReferenceValues, kInputCount };
enum PatchTransferOutputs : std::size_t { kValues, kIndex, kWeight, kOutputCount };

struct PatchTransferAttributes {
  std::int64_t window = 7;    // odd side of a patch in pixels
  float temperature = 0.01F;  // of the softmax, >= 0; 0 means that every weight is 1
  bool normalize = true;      // divide by the weights that voted, not by the patch count
};

// Throws ConfigError for an attribute of another type or out of range.
PatchTransferAttributes read_attributes(const Api& api, const OrtKernelInfo* info);

// Throw ShapeError for another rank or sizes that do not fit together.
PatchReference::Shape reference_shape(const FloatTensor& features, const FloatTensor& values);
PatchQuery checked_query(const FloatTensor& query, const PatchReference::Shape& reference);

// The same for every provider.
OrtCustomOp describe_patch_transfer();

// The op that runs a `Kernel`: made from (api, info) for each node of each session, then shared by
// the threads of the session, which call compute(context) const.
template <typename Kernel>
const OrtCustomOp& patch_transfer_op() {
  static const OrtCustomOp op = [] {
    OrtCustomOp made = describe_patch_transfer();
    made.GetExecutionProviderType = [](const OrtCustomOp*) { return Kernel::kProvider; };
    made.CreateKernelV2 = [](const OrtCustomOp*, const OrtApi* table, const OrtKernelInfo* info,
                             void** kernel) {
      const Api api(table);
      return api.guarded([&] { *kernel = new Kernel(api, info); });
    };
    made.KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
      const auto& self = *static_cast<const Kernel*>(kernel);
      return self.api.guarded([&] { self.compute(context); });
    };
    made.KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
    return made;
  }();
  return op;
}

}  // namespace petsgan::ort
