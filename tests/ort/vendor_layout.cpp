// Compiles exactly if our statement of the ABI says what ONNX Runtime's own header says.
#include <onnxruntime_c_api.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ort/abi.h"

namespace ours = petsgan::ort;

// A type as the machine sees it: enumerations are signed integers, all classes are one opaque
// class.
class Opaque;

template <typename T, bool = std::is_enum_v<T>>
struct Plain {
  using type = std::conditional_t<std::is_arithmetic_v<T>, T, Opaque>;
};
template <typename T>
struct Plain<T, true> {
  using type = std::make_signed_t<std::underlying_type_t<T>>;
};
template <typename T>
struct Plain<const T, false> {
  using type = const typename Plain<T>::type;
};
template <typename T>
struct Plain<T*, false> {
  using type = typename Plain<T>::type*;
};
// A result may be void, which is a class here: hence the pointer to it.
template <typename Result, typename... Parameters>
struct Plain<Result (*)(Parameters...), false> {
  using type = typename Plain<Result>::type* (*)(typename Plain<Parameters>::type...);
};
template <typename Result, typename... Parameters>
struct Plain<Result (*)(Parameters...) noexcept, false> : Plain<Result (*)(Parameters...)> {};

template <typename A, typename B>
constexpr bool kSame = std::is_same_v<typename Plain<A>::type, typename Plain<B>::type>;

template <typename Signature>
Signature* function_in(const ours::Slot<Signature>&);

#define CHECK_SLOT(name, slot, ...)                                                      \
  static_assert(offsetof(::OrtApi, name) == ours::k##name.index * sizeof(void*), #name); \
  static_assert(kSame<decltype(::OrtApi::name), decltype(function_in(ours::k##name))>,   \
                "signature of " #name);
PETSGAN_ORT_SLOTS(CHECK_SLOT)

#define CHECK_MEMBER(type, name)                                                         \
  static_assert(offsetof(::type, name) == offsetof(ours::type, name), #type "::" #name); \
  static_assert(kSame<decltype(::type::name), decltype(ours::type::name)>, "signature of " #name);
CHECK_MEMBER(OrtApiBase, GetApi)
CHECK_MEMBER(OrtApiBase, GetVersionString)
static_assert(sizeof(::OrtApiBase) == sizeof(ours::OrtApiBase));

CHECK_MEMBER(OrtCustomOp, version)
CHECK_MEMBER(OrtCustomOp, CreateKernel)
CHECK_MEMBER(OrtCustomOp, GetName)
CHECK_MEMBER(OrtCustomOp, GetExecutionProviderType)
CHECK_MEMBER(OrtCustomOp, GetInputType)
CHECK_MEMBER(OrtCustomOp, GetInputTypeCount)
CHECK_MEMBER(OrtCustomOp, GetOutputType)
CHECK_MEMBER(OrtCustomOp, GetOutputTypeCount)
CHECK_MEMBER(OrtCustomOp, KernelCompute)
CHECK_MEMBER(OrtCustomOp, KernelDestroy)
CHECK_MEMBER(OrtCustomOp, GetInputCharacteristic)
CHECK_MEMBER(OrtCustomOp, GetOutputCharacteristic)
CHECK_MEMBER(OrtCustomOp, GetInputMemoryType)
CHECK_MEMBER(OrtCustomOp, GetVariadicInputMinArity)
CHECK_MEMBER(OrtCustomOp, GetVariadicInputHomogeneity)
CHECK_MEMBER(OrtCustomOp, GetVariadicOutputMinArity)
CHECK_MEMBER(OrtCustomOp, GetVariadicOutputHomogeneity)
CHECK_MEMBER(OrtCustomOp, CreateKernelV2)
CHECK_MEMBER(OrtCustomOp, KernelComputeV2)
CHECK_MEMBER(OrtCustomOp, InferOutputShapeFn)
CHECK_MEMBER(OrtCustomOp, GetStartVersion)
CHECK_MEMBER(OrtCustomOp, GetEndVersion)
CHECK_MEMBER(OrtCustomOp, GetMayInplace)
CHECK_MEMBER(OrtCustomOp, ReleaseMayInplace)
CHECK_MEMBER(OrtCustomOp, GetAliasMap)
CHECK_MEMBER(OrtCustomOp, ReleaseAliasMap)
static_assert(sizeof(::OrtCustomOp) == sizeof(ours::OrtCustomOp));

#define CHECK_CONSTANT(name, vendors) static_assert(+ours::name == +vendors, #name)
CHECK_CONSTANT(kFail, ORT_FAIL);
CHECK_CONSTANT(kInvalidArgument, ORT_INVALID_ARGUMENT);
CHECK_CONSTANT(kFloat, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
CHECK_CONSTANT(kInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
CHECK_CONSTANT(kRequired, INPUT_OUTPUT_REQUIRED);
CHECK_CONSTANT(kOptional, INPUT_OUTPUT_OPTIONAL);
CHECK_CONSTANT(kDefaultMemory, OrtMemTypeDefault);
static_assert(ours::kApiVersion <= ORT_API_VERSION);
