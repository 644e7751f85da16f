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

class CpuKernel {
 public:
  static constexpr const char* kProvider = "CPUExecutionProvider";
  const Api api;

  CpuKernel(const Api& runtime, const OrtKernelInfo* info)
      : api(runtime), attributes_(read_attributes(api, info)) {
    const auto features = constant_input(api, info, kFeatures);
    const auto values = constant_input(api, info, kReferenceValues);
    if (features && values) reference_ = pack(*features, *values, attributes_.window);
  }

  void compute(OrtKernelContext* context) const {
    if (reference_) return transfer(context, *reference_);
    transfer(context, pack(input(api, context, kFeatures), input(api, context, kReferenceValues),
                           attributes_.window));
  }

 private:
  void transfer(OrtKernelContext* context, const PatchReference& reference) const {
    const PatchQuery query = checked_query(input(api, context, kQuery), reference.shape());
    const TensorShape map = {query.batch, query.height, query.width};
    PatchTransferOutput result;
    result.values =
        output<float>(api, context, kValues,
                      {query.batch, reference.shape().value_channels, query.height, query.width});
    result.index = output<std::int32_t>(api, context, kIndex, map);
    result.weight = output<float>(api, context, kWeight, map);
    // The kernel writes all three; the graph may leave the last two out.
    const auto pixels = static_cast<std::size_t>(query.batch * query.height * query.width);
    std::vector<std::int32_t> index(result.index == nullptr ? pixels : 0);
    std::vector<float> weight(result.weight == nullptr ? pixels : 0);
    if (result.index == nullptr) result.index = index.data();
    if (result.weight == nullptr) result.weight = weight.data();
    KernelExecutor executor(api, context);
    PatchTransferOptions options;
    options.temperature = static_cast<double>(attributes_.temperature);
    options.normalize = attributes_.normalize;
    options.executor = &executor;
    patch_transfer(query, reference, options, result);
  }

  PatchTransferAttributes attributes_;
  std::optional<PatchReference> reference_;  // packed once, where it is constant
};

}  // namespace

const OrtCustomOp& cpu_patch_transfer() { return patch_transfer_op<CpuKernel>(); }

}  // namespace petsgan::ort
