#include "python/dlpack.h"

#include <cstring>
#include <utility>

#include "petsgan/errors.h"

namespace petsgan::python {
namespace {

namespace py = pybind11;

constexpr const char* kName = "dltensor";
constexpr const char* kUsedName =
    "used_dltensor";  // the protocol's mark of a capsule that was taken

// What a lent tensor needs until its receiver calls the deleter, from whatever thread.
struct Loan {
  DlManagedTensor managed;
  std::shared_ptr<void> owner;
  std::vector<std::int64_t> shape;
};

void end_loan(DlManagedTensor* managed) { delete static_cast<Loan*>(managed->manager); }

// A capsule that nobody took still owns its tensor.
void destroy_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, kName)) return;
  end_loan(static_cast<DlManagedTensor*>(PyCapsule_GetPointer(capsule, kName)));
}

}  // namespace

BorrowedTensor::BorrowedTensor(const py::capsule& capsule) {
  if (std::strcmp(capsule.name() ? capsule.name() : "", kName) != 0) {
    throw DTypeError(std::string("__dlpack__ must return a new capsule named ") + kName + ", got " +
                     (capsule.name() ? capsule.name() : "one without a name"));
  }
  managed_ = capsule.get_pointer<DlManagedTensor>();
  if (PyCapsule_SetName(capsule.ptr(), kUsedName) != 0) throw py::error_already_set();
}

BorrowedTensor::~BorrowedTensor() {
  if (managed_->deleter != nullptr) managed_->deleter(managed_);
}

bool BorrowedTensor::is_contiguous() const {
  const DlTensor& t = tensor();
  if (t.strides == nullptr) return true;
  std::int64_t expected = 1;
  for (std::int32_t axis = t.ndim - 1; axis >= 0; --axis) {
    if (t.shape[axis] == 0) return true;
    if (t.shape[axis] != 1 && t.strides[axis] != expected) return false;
    expected *= t.shape[axis];
  }
  return true;
}

py::capsule lend_cuda_tensor(std::shared_ptr<void> owner, void* data, int device, std::uint8_t code,
                             std::uint8_t bits, std::vector<std::int64_t> shape) {
  auto loan = std::make_unique<Loan>();
  loan->owner = std::move(owner);
  loan->shape = std::move(shape);
  loan->managed.tensor = {data,
                          {kDlCuda, device},
                          static_cast<std::int32_t>(loan->shape.size()),
                          {code, bits, 1},
                          loan->shape.data(),
                          nullptr,
                          0};
  loan->managed.manager = loan.get();
  loan->managed.deleter = &end_loan;
  py::capsule capsule(&loan->managed, kName, &destroy_capsule);
  loan.release();
  return capsule;
}

}  // namespace petsgan::python
