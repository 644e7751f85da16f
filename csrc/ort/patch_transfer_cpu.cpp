// pets::PatchTransfer on the CPU provider: the kernel of petsgan_core on the session's own threads.
#include <optional>
#include <vector>

#include "ort/executor.h"
#include "ort/patch_transfer_op.h"
#include "ort/register_custom_ops.h"

namespace petsgan::ort {
namespace {

PatchReference pack(const FloatTensor& features, const FloatTensor& values, std::int64_t window) {
  return PatchReference(reference_shape(features, values), window, features.data, values.data);
}

// One node of one session. Its threads share it, so nothing changes after construction.
class Kernel {
 public:
  Kernel(const Api& api, const OrtKernelInfo* info)
      : api_(api), attributes_(read_attributes(api, info)) {
    const auto features = constant_input(api, info, kFeatures);
    const auto values = constant_input(api, info, kReferenceValues);
    if (features && values) reference_ = pack(*features, *values, attributes_.window);
  }

  OrtStatus* compute(OrtKernelContext* context) const {
    return api_.guarded([&] {
      if (reference_) return transfer(context, *reference_);
      transfer(context, pack(input(api_, context, kFeatures),
                             input(api_, context, kReferenceValues), attributes_.window));
    });
  }

 private:
  void transfer(OrtKernelContext* context, const PatchReference& reference) const {
    const PatchQuery query = checked_query(input(api_, context, kQuery), reference.shape());
    const TensorShape map = {query.batch, query.height, query.width};
    PatchTransferOutput result;
    result.values =
        output<float>(api_, context, kValues,
                      {query.batch, reference.shape().value_channels, query.height, query.width});
    result.index = output<std::int32_t>(api_, context, kIndex, map);
    result.weight = output<float>(api_, context, kWeight, map);
    // The kernel writes all three; the graph may leave the last two out.
    const auto pixels = static_cast<std::size_t>(query.batch * query.height * query.width);
    std::vector<std::int32_t> index(result.index == nullptr ? pixels : 0);
    std::vector<float> weight(result.weight == nullptr ? pixels : 0);
    if (result.index == nullptr) result.index = index.data();
    if (result.weight == nullptr) result.weight = weight.data();
    KernelExecutor executor(api_, context);
    PatchTransferOptions options;
    options.temperature = static_cast<double>(attributes_.temperature);
    options.normalize = attributes_.normalize;
    options.executor = &executor;
    patch_transfer(query, reference, options, result);
  }

  Api api_;
  PatchTransferAttributes attributes_;
  std::optional<PatchReference> reference_;  // packed once, where it is constant
};

OrtStatus* create(const OrtCustomOp*, const OrtApi* table, const OrtKernelInfo* info,
                  void** kernel) {
  const Api api(table);
  return api.guarded([&] { *kernel = new Kernel(api, info); });
}

}  // namespace

const OrtCustomOp& cpu_patch_transfer() {
  static const OrtCustomOp op = [] {
    OrtCustomOp made = describe_patch_transfer();
    made.GetExecutionProviderType = [](const OrtCustomOp*) { return "CPUExecutionProvider"; };
    made.CreateKernelV2 = &create;
    made.KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
      return static_cast<const Kernel*>(kernel)->compute(context);
    };
    made.KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
    return made;
  }();
  return op;
}

}  // namespace petsgan::ort
