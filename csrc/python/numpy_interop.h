// The border between numpy arrays and the library: refusals by name, never a silent copy or cast.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "petsgan/errors.h"

namespace petsgan::python {

namespace py = pybind11;

inline std::string describe_shape(const py::array& array) {
  std::string text = "[";
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    text += (axis ? ", " : "") + std::to_string(array.shape(axis));
  }
  return text + "]";
}

// The data of a C-contiguous array of type T and rank `rank`. `name` is "op: argument".
template <typename T>
const T* checked_data(const py::array& array, int rank, const std::string& name) {
  if (!py::isinstance<py::array_t<T>>(array)) {
    throw DTypeError(name + " must be " + std::string(py::str(py::dtype::of<T>())) + ", got " +
                     std::string(py::str(array.dtype())));
  }
  if (array.ndim() != rank) {
    throw ShapeError(name + " must have rank " + std::to_string(rank) + ", got shape " +
                     describe_shape(array));
  }
  if (!(array.flags() & py::array::c_style)) {
    throw DTypeError(name + " must be C-contiguous, got strides of another layout; hint: " +
                     "numpy.ascontiguousarray");
  }
  return static_cast<const T*>(array.data());
}

// Refuses sizes of a result that are negative or multiply to more than any memory holds, before a
// product of them overflows. Sizes beside a 0 count too, as they do for numpy.
inline void check_result_size(const std::vector<std::int64_t>& sizes, const std::string& op) {
  constexpr std::int64_t kMaxItems = std::int64_t{1} << 44;
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) {
    const std::int64_t factor = std::max<std::int64_t>(1, size);
    if (size < 0 || count > kMaxItems / factor) {
      throw ShapeError(op + ": sizes must be at least 0 and multiply to at most " +
                       std::to_string(kMaxItems) + ", got " + std::to_string(size) + " among them");
    }
    count *= factor;
  }
}

}  // namespace petsgan::python
