// Releases the interpreter lock around a kernel, also in threads that outlive the interpreter.
#pragma once

#include <Python.h>
#include <unistd.h>

#include <exception>  // defines __GLIBCXX__ where the standard library is GNU's

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace petsgan::python {

// Unlike py::gil_scoped_release it may end in a daemon thread while the interpreter shuts down.
// Before Python 3.14, a thread that then asks for the lock is ended by pthread_exit, which unwinds
// the stack; a destructor lets nothing through, and the process would abort. Such a thread sleeps
// here instead until the process has ended, as Python 3.14 does itself.
class ReleaseGil {
 public:
  ReleaseGil() : state_(PyEval_SaveThread()) {}
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

#ifdef __GLIBCXX__
  ~ReleaseGil() {
    try {
      PyEval_RestoreThread(state_);
    } catch (const abi::__forced_unwind&) {
      for (;;) pause();
    }
  }
#else
  ~ReleaseGil() { PyEval_RestoreThread(state_); }
#endif

 private:
  PyThreadState* state_;
};

}  // namespace petsgan::python
