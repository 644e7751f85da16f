// The extension module petsgan_sdk._core. One register_<thing> per file; no logic here.
#include <pybind11/pybind11.h>

#include <exception>

#include "petsgan/build_info.h"
#include "petsgan/errors.h"
#include "python/register.h"

namespace py = pybind11;

namespace {

void raise_python(const char* name, const petsgan::Error& error) {
  const py::object type = py::module_::import("petsgan_sdk.errors").attr(name);
  py::set_error(type, error.what());
}

void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const petsgan::ShapeError& error) {
    raise_python("ShapeError", error);
  } catch (const petsgan::DTypeError& error) {
    raise_python("DTypeError", error);
  } catch (const petsgan::ConfigError& error) {
    raise_python("ConfigError", error);
  } catch (const petsgan::InputError& error) {
    raise_python("InputError", error);
  } catch (const petsgan::Error& error) {
    raise_python("KernelError", error);
  }
}

py::dict build_info() {
  const petsgan::BuildInfo info = petsgan::build_info();
  py::dict result;
  result["version"] = info.version;
  result["compiler"] = info.compiler;
  result["simd"] = info.simd;
  result["threads"] = info.threads;
  return result;
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() = "CPU kernels of petsgan_sdk; call them through petsgan_sdk.kernels.";
  py::register_local_exception_translator(translate);
  module.def("build_info", &build_info);
  module.def("multiply_add_peak", &petsgan::multiply_add_peak);
  petsgan::python::register_noise(module);
  petsgan::python::register_patch_transfer(module);
  petsgan::python::register_signed_to_u8(module);
  petsgan::python::register_texture_transfer(module);
}
