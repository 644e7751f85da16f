// Two uniform words to two normal values, in float64 with a fixed order of operations.
//
// Only + - * / and sqrt of IEEE-754 are used, and no fused multiply-add (the build sets
// -ffp-contract=off), so that the vectors of cpu/noise_row/vectors.h and the numpy twin in
// petsgan_sdk/noise.py give the same bits. A change here changes every image that a seed gives:
// change the three files together.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

namespace petsgan {

inline double uniform_from_word(std::uint32_t word) {
  return (static_cast<double>(word) + 0.5) * 0x1p-32;
}

// ln(x) for 0 < x < 1: x = m 2^e with sqrt(1/2) <= m < sqrt(2), ln m = 2 atanh((m-1)/(m+1)).
inline double natural_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa = mantissa * 2.0;
    exponent -= 1;
  }
  const double f = (mantissa - 1.0) / (mantissa + 1.0);
  const double s = f * f;
  double series = 1.0 / 23.0;
  for (int odd = 21; odd >= 1; odd -= 2) series = series * s + 1.0 / odd;
  return static_cast<double>(exponent) * 0.69314718055994531 + 2.0 * f * series;
}

// (cos, sin) of 2 pi u for 0 < u < 1: the nearest quarter turn, then Taylor on [-pi/4, pi/4].
inline std::pair<double, double> cos_sin_turns(double u) {
  const double quarter = std::floor(u * 4.0 + 0.5);
  const double x = (u - quarter * 0.25) * 6.2831853071795865;
  const double s = x * x;
  double cos_x = 1.0;
  double sin_x = 1.0;
  for (int k = 9; k >= 1; --k) {
    cos_x = 1.0 - cos_x * s / static_cast<double>((2 * k - 1) * (2 * k));
    sin_x = 1.0 - sin_x * s / static_cast<double>((2 * k) * (2 * k + 1));
  }
  sin_x = sin_x * x;
  switch (static_cast<int>(quarter) & 3) {
    case 0:
      return {cos_x, sin_x};
    case 1:
      return {-sin_x, cos_x};
    case 2:
      return {-cos_x, -sin_x};
    default:
      return {sin_x, -cos_x};
  }
}

inline std::pair<float, float> box_muller(std::uint32_t word0, std::uint32_t word1) {
  const double radius = std::sqrt(-2.0 * natural_log(uniform_from_word(word0)));
  const auto [cosine, sine] = cos_sin_turns(uniform_from_word(word1));
  return {static_cast<float>(radius * cosine), static_cast<float>(radius * sine)};
}

}  // namespace petsgan
