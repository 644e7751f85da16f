// A plain loop that compilers turn into vectors. Included only by the per-instruction-set files.
#include "cpu/relax_row/kernel.h"

namespace petsgan {

void PETSGAN_RELAX_ROW(const RelaxRow& row) {
  const float* __restrict direction = row.direction;
  const float* __restrict above = row.above;
  const float* __restrict below = row.below;
  float* __restrict rest = row.rest;
  float* __restrict image = row.image;
  float* __restrict next = row.next;
  const float centre = row.centre;
  const float keep = row.keep;
  const float take = row.take;
  for (std::int64_t x = 0; x < row.count; ++x) {
    const float here = direction[x];
    const float around = (direction[x - 1] + direction[x + 1]) + (above[x] + below[x]);
    const float left = rest[x] - (centre * here - around);
    rest[x] = left;
    image[x] = image[x] + here;
    next[x] = keep * here + take * left;
  }
}

}  // namespace petsgan
