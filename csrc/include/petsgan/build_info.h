// What this library was built with, and what it uses on this machine.
#pragma once

#include <string>

namespace petsgan {

struct BuildInfo {
  std::string version;   // of the package
  std::string compiler;  // name and version
  std::string simd;      // instruction set in use: "portable", "avx2", "avx512", ...
};

BuildInfo build_info();

// The most that one core does with this instruction set: GFLOP/s of float32 multiply-adds (two
// each) in registers. Takes about 0.1 s.
double multiply_add_peak();

}  // namespace petsgan
