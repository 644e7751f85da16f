// The extension module petsgan_sdk._core. One register_<thing> per file; no logic here.
#include <pybind11/pybind11.h>

#include "petsgan/build_info.h"
#include "python/register.h"
#include "python/translate_errors.h"

namespace py = pybind11;

namespace {

py::dict build_info() {
  const petsgan::BuildInfo info = petsgan::build_info();
  py::dict result;
  result["version"] = info.version;
  result["compiler"] = info.compiler;
  result["simd"] = info.simd;
  return result;
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() = "CPU kernels of petsgan_sdk; call them through petsgan_sdk.kernels.";
  py::register_local_exception_translator(petsgan::python::translate_errors);
  module.def("build_info", &build_info);
  module.def("multiply_add_peak", &petsgan::multiply_add_peak);
  petsgan::python::register_noise(module);
  petsgan::python::register_patch_transfer(module);
  petsgan::python::register_resize_window(module);
  petsgan::python::register_signed_to_u8(module);
  petsgan::python::register_synthesis(module);
  petsgan::python::register_texture_transfer(module);
}
