// What loops.h needs, in plain C++. See x86.h for what each does.
#include <cstdint>

namespace petsgan {
namespace {

inline void widen(const std::int8_t* from, std::int16_t* to) {
  for (std::int64_t c = 0; c < 8; ++c) to[c] = from[c];
}

std::int32_t distance(const std::int8_t* corner, std::int64_t row, const std::int16_t* near,
                      const std::int16_t* weights) {
  constexpr std::int64_t kRow = kWindowSide * 8;
  std::int32_t sum = 0;
  for (std::int64_t y = 0; y < kWindowSide; ++y) {
    for (std::int64_t i = 0; i < kRow; ++i) {
      const std::int32_t apart = corner[y * row + i] - near[y * kRow + i];
      sum += weights[y * kRow + i] * apart * apart;
    }
  }
  return sum;
}

std::int32_t count_equal(const std::uint16_t* from, std::int64_t stride, std::int64_t side,
                         std::uint16_t wanted) {
  std::int32_t count = 0;
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) count += from[y * stride + x] == wanted ? 1 : 0;
  }
  return count;
}

inline std::int32_t count_eight(const PackedPlace* places, PackedPlace place) {
  std::int32_t count = 0;
  for (std::int64_t i = 0; i < 8; ++i) count += places[i] == place ? 1 : 0;
  return count;
}

}  // namespace
}  // namespace petsgan
