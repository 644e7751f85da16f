// The inner loop of the conversion to bytes, once for each instruction set, all with the same
// bytes.
#pragma once

#include <cstdint>

namespace petsgan {

// A part of one row. Plain pointers: see noise_row/kernel.h.
struct SignedSpan {
  const float* red;
  const float* green;
  const float* blue;
  std::int64_t count;  // of pixels, 1 to kMaxSpan
  std::uint8_t* out;   // [count, 3]
};

constexpr std::int64_t kMaxSpan = 256;

// Writes the span; returns whether every value was finite.
bool convert_span_portable(const SignedSpan& span);
#ifdef PETSGAN_X86_KERNELS
bool convert_span_avx2(const SignedSpan& span);
bool convert_span_avx512(const SignedSpan& span);
#endif

}  // namespace petsgan
