// Turns the exceptions of the C++ library into the Python classes of the same name.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

#include "petsgan/errors.h"

namespace petsgan::python {

inline void raise_python(const char* name, const Error& error) {
  const auto type = pybind11::module_::import("petsgan_sdk.errors").attr(name);
  pybind11::set_error(type, error.what());
}

inline void translate_errors(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const ShapeError& error) {
    raise_python("ShapeError", error);
  } catch (const DTypeError& error) {
    raise_python("DTypeError", error);
  } catch (const ConfigError& error) {
    raise_python("ConfigError", error);
  } catch (const InputError& error) {
    raise_python("InputError", error);
  } catch (const Error& error) {
    raise_python("KernelError", error);
  }
}

}  // namespace petsgan::python
