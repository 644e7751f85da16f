// The DLPack exchange of tensors between libraries, version 0.x: the structures of its C ABI, which
// is fixed, and their capsules.
//
// Stated here, since no build requirement brings them: pybind11 has none, PyPI offers DLPack's own
// header only inside packages of other kinds (nanobind, torch), and two structures would not pay
// for one of those in every build.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace petsgan::python {

constexpr std::int32_t kDlCuda = 2;

struct DlTensor {
  void* data;
  struct {
    std::int32_t type;
    std::int32_t id;
  } device;
  std::int32_t ndim;
  struct {
    std::uint8_t code;
    std::uint8_t bits;
    std::uint16_t lanes;
  } dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: C-contiguous
  std::uint64_t byte_offset;
};

struct DlManagedTensor {
  DlTensor tensor;
  void* manager;
  void (*deleter)(DlManagedTensor*);
};

static_assert(sizeof(void*) != 8 || (sizeof(DlTensor) == 48 && sizeof(DlManagedTensor) == 64),
              "must match the C ABI of DLPack");

// A tensor that another library lends until this is destroyed.
class BorrowedTensor {
 public:
  // Takes the tensor out of a "dltensor" capsule.
  explicit BorrowedTensor(const pybind11::capsule& capsule);
  ~BorrowedTensor();
  BorrowedTensor(const BorrowedTensor&) = delete;
  BorrowedTensor& operator=(const BorrowedTensor&) = delete;

  const DlTensor& tensor() const { return managed_->tensor; }
  bool is_contiguous() const;

 private:
  DlManagedTensor* managed_;
};

// A capsule for a C-contiguous CUDA tensor; `owner` lives until its receiver is done.
pybind11::capsule lend_cuda_tensor(std::shared_ptr<void> owner, void* data, int device,
                                   std::uint8_t code, std::uint8_t bits,
                                   std::vector<std::int64_t> shape);

}  // namespace petsgan::python
