// pets::PatchTransfer on the CUDA provider: petsgan::cuda on the stream and in the memory of the
// session. Nothing waits for the device, so a run may be captured in a CUDA graph; hence features
// that are not finite are no error here but give NaN weights.
#include "petsgan/cuda/patch_transfer.h"

#include "ort/patch_transfer_op.h"
#include "ort/register_custom_ops.h"

namespace petsgan::ort {
namespace {

constexpr auto kType = cuda::FeatureType::kFloat32;

// Device memory from the session's arena. The arena knows the stream: it hands the memory to nobody
// whose work could overtake what was launched before the destructor.
class DeviceScratch {
 public:
  DeviceScratch(const Api& api, const OrtKernelContext* context, std::size_t bytes) : api_(api) {
    const OrtValue* query = nullptr;
    api.check(kKernelContext_GetInput, context, kQuery, &query);
    const OrtMemoryInfo* device = nullptr;
    api.check(kGetTensorMemoryInfo, query, &device);
    api.check(kKernelContext_GetAllocator, context, device, &allocator_);
    try {
      api.check(kKernelContext_GetScratchBuffer, context, device, bytes, &data_);
    } catch (...) {
      api.call(kReleaseAllocator, allocator_);
      throw;
    }
  }
  DeviceScratch(const DeviceScratch&) = delete;
  DeviceScratch& operator=(const DeviceScratch&) = delete;
  ~DeviceScratch() {
    api_.succeeds(kAllocatorFree, allocator_, data_);
    api_.call(kReleaseAllocator, allocator_);
  }

  template <typename T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(static_cast<unsigned char*>(data_) + offset);
  }

 private:
  const Api& api_;
  OrtAllocator* allocator_ = nullptr;
  void* data_ = nullptr;
};

// Where the parts of the scratch memory start, each at a multiple of 256 bytes.
struct ScratchLayout {
  explicit ScratchLayout(const cuda::PatchTransferShape& shape) {
    const auto pixels = static_cast<std::size_t>(shape.batch * shape.height * shape.width);
    workspace = take(cuda::workspace_bytes(shape, kType));
    packed = take(cuda::packed_reference_bytes(shape));
    index = take(pixels * sizeof(std::int32_t));
    weight = take(pixels * sizeof(float));
  }

  std::size_t workspace, packed, index, weight;
  std::size_t bytes = 0;

 private:
  std::size_t take(std::size_t size) {
    const std::size_t start = bytes;
    bytes += (size + 255) / 256 * 256;
    return start;
  }
};

class CudaKernel {
 public:
  static constexpr const char* kProvider = "CUDAExecutionProvider";
  const Api api;

  CudaKernel(const Api& runtime, const OrtKernelInfo* info)
      : api(runtime), attributes_(read_attributes(api, info)) {}

  void compute(OrtKernelContext* context) const {
    const FloatTensor features = input(api, context, kFeatures);
    const FloatTensor values = input(api, context, kReferenceValues);
    const PatchReference::Shape reference = reference_shape(features, values);
    const PatchQuery query = checked_query(input(api, context, kQuery), reference);
    const cuda::PatchTransferShape shape = {
        query.batch,     reference.channels,       query.height,
        query.width,     reference.images,         reference.height,
        reference.width, reference.value_channels, attributes_.window};
    const ScratchLayout layout(shape);
    const TensorShape map = {query.batch, query.height, query.width};
    cuda::PatchTransferOutput result;
    result.values = output<float>(
        api, context, kValues, {query.batch, reference.value_channels, query.height, query.width});
    result.index = output<std::int32_t>(api, context, kIndex, map);
    result.weight = output<float>(api, context, kWeight, map);
    if (query.batch == 0) return;
    const DeviceScratch scratch(api, context, layout.bytes);
    // The kernels write all three; the graph may leave the last two out.
    if (result.index == nullptr) result.index = scratch.at<std::int32_t>(layout.index);
    if (result.weight == nullptr) result.weight = scratch.at<float>(layout.weight);
    void* stream = nullptr;
    api.check(kKernelContext_GetGPUComputeStream, context, &stream);
    launch(shape, query.features, {features.data, values.data}, scratch, layout, result,
           static_cast<cuda::Stream>(stream));
  }

 private:
  // A constant reference is packed on every run, too: that reads it once, which is little beside
  // the search, and keeps the kernel free of device memory that would belong to no stream.
  void launch(const cuda::PatchTransferShape& shape, const float* query,
              const cuda::ReferencePointers& reference, const DeviceScratch& scratch,
              const ScratchLayout& layout, const cuda::PatchTransferOutput& result,
              cuda::Stream stream) const {
    void* packed = scratch.at<void>(layout.packed);
    cuda::pack_reference(shape, kType, reference, packed, stream);
    cuda::patch_transfer(shape, kType, query, reference, packed,
                         {static_cast<double>(attributes_.temperature), attributes_.normalize},
                         result, scratch.at<void>(layout.workspace), stream);
  }

  PatchTransferAttributes attributes_;
};

}  // namespace

const OrtCustomOp& cuda_patch_transfer() { return patch_transfer_op<CudaKernel>(); }

}  // namespace petsgan::ort
