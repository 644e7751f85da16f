// What this library was built with, and what it uses on this machine.
#pragma once

#include <string>

namespace petsgan {

struct BuildInfo {
  std::string version;   // of the package
  std::string compiler;  // name and version
  std::string simd;      // instruction set in use: "portable", "avx2" or "avx512"
  int threads = 1;       // hardware threads
};

BuildInfo build_info();

}  // namespace petsgan
