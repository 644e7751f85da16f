// The part of ONNX Runtime's C ABI that a custom op needs, stated by us, so that no vendor header
// is needed to build. The ABI is a table of function pointers that only ever grows: what is stated
// here holds for every runtime from kApiVersion on. tests/ort/test_abi.py compares each slot,
// signature, offset and constant with the vendor's header.
#pragma once

#include <cstddef>
#include <cstdint>

namespace petsgan::ort {

// ONNX Runtime 1.18, the first with KernelContext_GetScratchBuffer.
constexpr std::uint32_t kApiVersion = 18;

// The runtime's own objects, never looked into; OrtApi is its table of functions, see Slot.
struct OrtApi;
struct OrtAllocator;
struct OrtCustomOpDomain;
struct OrtKernelContext;
struct OrtKernelInfo;
struct OrtMemoryInfo;
struct OrtSessionOptions;
struct OrtStatus;  // a null pointer means success
struct OrtTensorTypeAndShapeInfo;
struct OrtValue;

// The ABI passes enumerations as 32-bit integers.
enum OrtErrorCode : std::int32_t { kFail = 1, kInvalidArgument = 2 };
enum OrtElementType : std::int32_t { kFloat = 1, kInt32 = 6 };
enum OrtCharacteristic : std::int32_t { kRequired = 0, kOptional = 1 };
enum OrtMemoryType : std::int32_t { kDefaultMemory = 0 };

using OrtTask = void (*)(void* user_data, std::size_t index);

struct OrtApiBase {
  const OrtApi* (*GetApi)(std::uint32_t version);  // null where the version is unknown
  const char* (*GetVersionString)();
};

// What the runtime asks about an op. A null member means "none".
struct OrtCustomOp {
  std::uint32_t version;
  void* (*CreateKernel)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*);
  const char* (*GetName)(const OrtCustomOp*);
  const char* (*GetExecutionProviderType)(const OrtCustomOp*);
  OrtElementType (*GetInputType)(const OrtCustomOp*, std::size_t index);
  std::size_t (*GetInputTypeCount)(const OrtCustomOp*);
  OrtElementType (*GetOutputType)(const OrtCustomOp*, std::size_t index);
  std::size_t (*GetOutputTypeCount)(const OrtCustomOp*);
  void (*KernelCompute)(void* kernel, OrtKernelContext*);
  void (*KernelDestroy)(void* kernel);
  OrtCharacteristic (*GetInputCharacteristic)(const OrtCustomOp*, std::size_t index);
  OrtCharacteristic (*GetOutputCharacteristic)(const OrtCustomOp*, std::size_t index);
  OrtMemoryType (*GetInputMemoryType)(const OrtCustomOp*, std::size_t index);
  int (*GetVariadicInputMinArity)(const OrtCustomOp*);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp*);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp*);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp*);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*,
                               void** kernel);
  OrtStatus* (*KernelComputeV2)(void* kernel, OrtKernelContext*);
  OrtStatus* (*InferOutputShapeFn)(const OrtCustomOp*, void* context);
  int (*GetStartVersion)(const OrtCustomOp*);
  int (*GetEndVersion)(const OrtCustomOp*);
  std::size_t (*GetMayInplace)(int** inputs, int** outputs);
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  std::size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};

static_assert(sizeof(void*) == 8, "the layout is that of a 64-bit machine");
static_assert(sizeof(OrtCustomOp) == 208);
static_assert(offsetof(OrtCustomOp, CreateKernel) == 8);
static_assert(offsetof(OrtCustomOp, KernelDestroy) == 72);
static_assert(offsetof(OrtCustomOp, CreateKernelV2) == 136);
static_assert(offsetof(OrtCustomOp, GetEndVersion) == 168);

// Place of a function in the table, which is an array of pointers to functions, and its signature.
template <typename Signature>
struct Slot {
  std::size_t index;
};

// X(vendor's name, index, signature); a list, so that the test can walk over all of it.
#define PETSGAN_ORT_SLOTS(X)                                                                     \
  X(CreateStatus, 0, OrtStatus*(OrtErrorCode, const char*))                                      \
  X(GetErrorMessage, 2, const char*(const OrtStatus*))                                           \
  X(CreateCustomOpDomain, 26, OrtStatus*(const char*, OrtCustomOpDomain**))                      \
  X(CustomOpDomain_Add, 27, OrtStatus*(OrtCustomOpDomain*, const OrtCustomOp*))                  \
  X(AddCustomOpDomain, 28, OrtStatus*(OrtSessionOptions*, OrtCustomOpDomain*))                   \
  X(GetTensorMutableData, 51, OrtStatus*(OrtValue*, void**))                                     \
  X(GetDimensionsCount, 61, OrtStatus*(const OrtTensorTypeAndShapeInfo*, std::size_t*))          \
  X(GetDimensions, 62, OrtStatus*(const OrtTensorTypeAndShapeInfo*, std::int64_t*, std::size_t)) \
  X(GetTensorTypeAndShape, 65, OrtStatus*(const OrtValue*, OrtTensorTypeAndShapeInfo**))         \
  X(AllocatorFree, 76, OrtStatus*(OrtAllocator*, void*))                                         \
  X(KernelInfoGetAttribute_float, 85, OrtStatus*(const OrtKernelInfo*, const char*, float*))     \
  X(KernelInfoGetAttribute_int64, 86,                                                            \
    OrtStatus*(const OrtKernelInfo*, const char*, std::int64_t*))                                \
  X(KernelInfoGetAttribute_string, 87,                                                           \
    OrtStatus*(const OrtKernelInfo*, const char*, char*, std::size_t*))                          \
  X(KernelContext_GetInput, 90,                                                                  \
    OrtStatus*(const OrtKernelContext*, std::size_t, const OrtValue**))                          \
  X(KernelContext_GetOutput, 91,                                                                 \
    OrtStatus*(OrtKernelContext*, std::size_t, const std::int64_t*, std::size_t, OrtValue**))    \
  X(ReleaseStatus, 93, void(OrtStatus*))                                                         \
  X(ReleaseTensorTypeAndShapeInfo, 99, void(OrtTensorTypeAndShapeInfo*))                         \
  X(ReleaseCustomOpDomain, 101, void(OrtCustomOpDomain*))                                        \
  X(ReleaseAllocator, 132, void(OrtAllocator*))                                                  \
  X(KernelInfoGetAttributeArray_float, 162,                                                      \
    OrtStatus*(const OrtKernelInfo*, const char*, float*, std::size_t*))                         \
  X(KernelInfoGetAttributeArray_int64, 163,                                                      \
    OrtStatus*(const OrtKernelInfo*, const char*, std::int64_t*, std::size_t*))                  \
  X(KernelContext_GetGPUComputeStream, 193, OrtStatus*(const OrtKernelContext*, void**))         \
  X(GetTensorMemoryInfo, 194, OrtStatus*(const OrtValue*, const OrtMemoryInfo**))                \
  X(KernelInfoGetConstantInput_tensor, 249,                                                      \
    OrtStatus*(const OrtKernelInfo*, std::size_t, int*, const OrtValue**))                       \
  X(KernelContext_GetAllocator, 253,                                                             \
    OrtStatus*(const OrtKernelContext*, const OrtMemoryInfo*, OrtAllocator**))                   \
  X(KernelContext_ParallelFor, 274,                                                              \
    OrtStatus*(const OrtKernelContext*, OrtTask, std::size_t, std::size_t, void*))               \
  X(KernelContext_GetScratchBuffer, 277,                                                         \
    OrtStatus*(const OrtKernelContext*, const OrtMemoryInfo*, std::size_t, void**))

#define PETSGAN_ORT_DEFINE_SLOT(name, index, ...) constexpr Slot<__VA_ARGS__> k##name{index};
PETSGAN_ORT_SLOTS(PETSGAN_ORT_DEFINE_SLOT)
#undef PETSGAN_ORT_DEFINE_SLOT

}  // namespace petsgan::ort
