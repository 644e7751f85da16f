// Calls through the runtime's function table; a failure is an exception on our side and a status on
// the runtime's.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "ort/abi.h"
#include "petsgan/errors.h"

namespace petsgan::ort {

// A function of the runtime failed; what() is its message.
class RuntimeFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Keeps an argument out of the deduction: the slot alone decides the types.
template <typename T>
struct Exactly {
  using type = T;
};

class Api {
 public:
  explicit Api(const OrtApi* table) : functions_(reinterpret_cast<const Function*>(table)) {}

  // Calls a function and returns what it returns.
  template <typename Result, typename... Parameters>
  Result call(Slot<Result(Parameters...)> slot,
              typename Exactly<Parameters>::type... arguments) const {
    return reinterpret_cast<Result (*)(Parameters...)>(functions_[slot.index])(arguments...);
  }

  // Calls a function that returns a status; throws RuntimeFailure unless it succeeds.
  template <typename... Parameters>
  void check(Slot<OrtStatus*(Parameters...)> slot,
             typename Exactly<Parameters>::type... arguments) const {
    if (OrtStatus* status = call(slot, arguments...)) {
      const std::string message = call(kGetErrorMessage, status);
      call(kReleaseStatus, status);
      throw RuntimeFailure(message);
    }
  }

  // Whether a function that returns a status succeeds.
  template <typename... Parameters>
  bool succeeds(Slot<OrtStatus*(Parameters...)> slot,
                typename Exactly<Parameters>::type... arguments) const {
    OrtStatus* status = call(slot, arguments...);
    if (status != nullptr) call(kReleaseStatus, status);
    return status == nullptr;
  }

  // Runs `body`, which may throw, for a caller that must not see an exception.
  template <typename Body>
  OrtStatus* guarded(const Body& body) const noexcept {
    try {
      body();
      return nullptr;
    } catch (const ShapeError& error) {
      return call(kCreateStatus, kInvalidArgument, error.what());
    } catch (const ConfigError& error) {
      return call(kCreateStatus, kInvalidArgument, error.what());
    } catch (const InputError& error) {
      return call(kCreateStatus, kInvalidArgument, error.what());
    } catch (const std::bad_alloc&) {
      return call(kCreateStatus, kFail, "PatchTransfer: out of memory");
    } catch (const std::exception& error) {
      return call(kCreateStatus, kFail, error.what());
    }
  }

 private:
  using Function = void (*)();

  const Function* functions_;
};

}  // namespace petsgan::ort
