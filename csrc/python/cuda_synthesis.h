// Coordinate synthesis in the module _cuda.
#pragma once

#include <pybind11/pybind11.h>

namespace petsgan::python {

void register_cuda_synthesis(pybind11::module_& module);

}  // namespace petsgan::python
