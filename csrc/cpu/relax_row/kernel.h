// One row of a relaxation of the screened Poisson equation, once for each instruction set, all with
// the same bits.
#pragma once

#include <cstdint>

namespace petsgan {

// Plain pointers: see noise_row/kernel.h. Rows of `count` numbers; those of the direction go on by
// one at both ends.
struct RelaxRow {
  const float* direction;
  const float* above;
  const float* below;
  std::int64_t count;
  float centre;  // 4 + screening
  float keep, take;
  float* rest;   // changed: what is left to correct
  float* image;  // changed: the direction is added
  float* next;   // the next direction
};

void relax_row_portable(const RelaxRow& row);
#ifdef PETSGAN_X86_KERNELS
void relax_row_avx2(const RelaxRow& row);
void relax_row_avx512(const RelaxRow& row);
#endif

}  // namespace petsgan
