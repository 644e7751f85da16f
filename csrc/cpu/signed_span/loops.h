// Plain loops that compilers turn into vectors. Included only by the per-instruction-set files; all
// but the kernel lies in an anonymous namespace, as in similarity/vector.h.
#include <cstdint>
#include <cstring>

#include "cpu/signed_span/kernel.h"

namespace petsgan {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a pixel is stored as one 32-bit word");

// The level of x. NaN, which fails every comparison, becomes 0.
inline std::uint32_t level(float x) {
  const float scaled = x * 127.5F + 128.0F;
  const float above = scaled > 0.0F ? scaled : 0.0F;
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(above < 255.0F ? above : 255.0F));
}

// 1 for infinities and NaN, else 0; by the exponent's bits, since that needs no branch.
inline std::uint32_t not_finite(float x) {
  constexpr std::uint32_t kExponent = 0x7F800000U;
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return (bits & kExponent) == kExponent ? 1U : 0U;
}

}  // namespace

bool PETSGAN_CONVERT_SPAN(const SignedSpan& span) {
  const auto [red, green, blue, count, out] = span;
  std::uint32_t words[kMaxSpan];
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    bad |= not_finite(red[i]) | not_finite(green[i]) | not_finite(blue[i]);
    words[i] = level(red[i]) | level(green[i]) << 8 | level(blue[i]) << 16;
  }
  // Each store spills a byte into the next pixel, which the next store mends; so not the last.
  for (std::int64_t i = 0; i + 1 < count; ++i) std::memcpy(out + 3 * i, &words[i], 4);
  std::memcpy(out + 3 * (count - 1), &words[count - 1], 3);
  return bad == 0;
}

}  // namespace petsgan
