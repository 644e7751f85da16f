// The registration function of every binding file.
#pragma once

#include <pybind11/pybind11.h>

namespace petsgan::python {

void register_noise(pybind11::module_& module);
void register_patch_transfer(pybind11::module_& module);
void register_resize_window(pybind11::module_& module);
void register_signed_to_u8(pybind11::module_& module);
void register_synthesis(pybind11::module_& module);
void register_texture_transfer(pybind11::module_& module);

}  // namespace petsgan::python
