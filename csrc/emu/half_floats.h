// float16 and bfloat16 in software, with CUDA's names: conversions round to the nearest, ties to
// even.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

struct __half {
  std::uint16_t bits;
};

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline float __half2float(__half half) {
  const int exponent = half.bits >> 10 & 31, fraction = half.bits & 1023;
  const float sign = half.bits >> 15 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

inline __half __float2half_rn(float x) {
  const auto sign = static_cast<unsigned>(std::signbit(x)) << 15;
  const float magnitude = std::fabs(x);
  unsigned bits = 0;
  if (std::isnan(x)) {
    bits = 0x7FFF;
  } else if (magnitude >= 65520.0F) {
    bits = 0x7C00;  // infinity
  } else {
    // A step of a float16 this large; nearbyint rounds ties to even, and a carry into the exponent
    // is the next power of two's bit pattern.
    const int exponent = magnitude < 0x1p-14F ? -14 : std::ilogb(magnitude);
    const auto steps = static_cast<unsigned>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
    bits = steps < 1024 ? steps : static_cast<unsigned>(exponent + 14) * 1024 + steps;
  }
  return {static_cast<std::uint16_t>(sign | bits)};
}

inline float __bfloat162float(__nv_bfloat16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

inline __nv_bfloat16 __float2bfloat16_rn(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (std::isnan(x)) return {0x7FFF};
  return {static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}
