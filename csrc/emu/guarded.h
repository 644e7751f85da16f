// How the functions that the tests call report errors.
#pragma once

#include <string>

#include "petsgan/errors.h"

namespace petsgan::emu {

// "" or the message of the error, in memory that lives until this thread's next call.
template <typename Run>
const char* guarded(const Run& run) {
  static thread_local std::string message;
  message.clear();
  try {
    run();
  } catch (const ShapeError& error) {
    message = std::string("ShapeError: ") + error.what();
  } catch (const ConfigError& error) {
    message = std::string("ConfigError: ") + error.what();
  } catch (const Error& error) {
    message = std::string("KernelError: ") + error.what();
  }
  return message.c_str();
}

}  // namespace petsgan::emu
