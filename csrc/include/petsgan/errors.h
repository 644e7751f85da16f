// The exceptions of the C++ library. The bindings turn each into the Python class of the same name.
#pragma once

#include <stdexcept>
#include <string>

namespace petsgan {

// Base of every error thrown on purpose. The message is one line: expected, found, what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An array has the wrong rank or shape.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// An array has the wrong dtype or memory layout.
class DTypeError : public Error {
 public:
  using Error::Error;
};

// A parameter is unknown or out of range.
class ConfigError : public Error {
 public:
  using Error::Error;
};

// The values of an array cannot be used, as NaN in features.
class InputError : public Error {
 public:
  using Error::Error;
};

}  // namespace petsgan
