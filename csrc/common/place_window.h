// Places as whole numbers, and the window by which the correction of places compares them: what the
// kernels of the CPU and of CUDA have in common.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PETSGAN_ON_DEVICE __host__ __device__
#else
#define PETSGAN_ON_DEVICE
#endif

namespace petsgan {

// A place as one number: y * 2^16 + x. Places next to each other differ by that of their offset,
// and one that would lie outside the photo has a negative y or an x that no photo has.
using PackedPlace = std::int32_t;
PETSGAN_ON_DEVICE constexpr PackedPlace packed_place(std::int64_t y, std::int64_t x) {
  return static_cast<PackedPlace>(y * 65536 + x);
}
PETSGAN_ON_DEVICE constexpr std::int64_t place_row(PackedPlace place) { return place >> 16; }
PETSGAN_ON_DEVICE constexpr std::int64_t place_column(PackedPlace place) { return place & 0xFFFF; }

// Of a pixel beyond the canvas, which continues to no place.
constexpr PackedPlace kNoPlace = -(1 << 28);

constexpr std::int64_t kWindowRadius = 2;
constexpr std::int64_t kWindowSide = 2 * kWindowRadius + 1;
constexpr std::int64_t kWindowPixels = kWindowSide * kWindowSide;
constexpr std::int64_t kMaxAlike = 8;
constexpr std::int64_t kAround = 8;  // neighbours of a pixel
constexpr std::int64_t kMaxCandidates = (kAround + 1) * (kMaxAlike + 1);

// Gaussian weights of the window, of standard deviation 1.5; the pixel itself counts a quarter.
constexpr std::int16_t kWindowWeights[kWindowPixels] = {
    4, 8, 10, 8, 4, 8, 15, 19, 15, 8, 10, 19, 6, 19, 10, 8, 15, 19, 15, 8, 4, 8, 10, 8, 4};

}  // namespace petsgan
