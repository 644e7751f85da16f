// The inner kernel of the noise: one row of pixels, four channels. One build of it for each
// instruction set, all with the same bits.
#pragma once

#include <cstdint>

namespace petsgan {

// Plain members: an inline function of the standard library, compiled for a newer processor, could
// be the copy of it that the linker keeps for all.
struct NoiseRow {
  std::uint32_t x, y, image, group;  // counter of the first pixel; x counts up modulo 2^32
  std::uint32_t key0, key1;
  std::int64_t width;
  std::int64_t channels;  // of the four that a counter gives, how many to write: 1 to 4
  std::int64_t plane;     // floats from one channel of `out` to the next
  float* out;             // first pixel of the first channel
};

void noise_row_portable(const NoiseRow& row);
#ifdef PETSGAN_X86_KERNELS
void noise_row_avx2(const NoiseRow& row);
void noise_row_avx512(const NoiseRow& row);
#endif

}  // namespace petsgan
