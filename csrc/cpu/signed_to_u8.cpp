#include "petsgan/signed_to_u8.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>

#include "cpu/signed_span/kernel.h"
#include "cpu/simd.h"
#include "cpu/thread_pool.h"
#include "petsgan/errors.h"

namespace petsgan {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kTaskPixels = 1 << 16;  // of one task: far more work than waking a thread

using SpanKernel = bool (*)(const SignedSpan&);

SpanKernel span_kernel() {
  switch (simd_level()) {
#ifdef PETSGAN_X86_KERNELS
    case SimdLevel::kAmx:
    case SimdLevel::kAvx512:
      return convert_span_avx512;
    case SimdLevel::kAvx2:
      return convert_span_avx2;
#endif
    default:
      return convert_span_portable;
  }
}

[[noreturn]] void refuse(const SignedCanvas& canvas, std::int64_t height, std::int64_t width) {
  for (std::int64_t channel = 0; channel < kChannels; ++channel) {
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const float value = canvas.pixels[(channel * canvas.height + y) * canvas.width + x];
        if (std::isfinite(value)) continue;
        const std::string found = std::isnan(value) ? "nan" : std::to_string(value);
        throw InputError("signed_to_u8: image must be finite, got " + found + " at index [" +
                         std::to_string(channel) + ", " + std::to_string(y) + ", " +
                         std::to_string(x) + "]");
      }
    }
  }
  throw InputError("signed_to_u8: image must not change while it is read");
}

}  // namespace

void signed_to_u8(const SignedCanvas& canvas, std::int64_t height, std::int64_t width, int threads,
                  std::uint8_t* out) {
  if (height < 0 || height > canvas.height || width < 0 || width > canvas.width) {
    throw ShapeError("signed_to_u8: height and width must be within the image, " +
                     std::to_string(canvas.height) + "x" + std::to_string(canvas.width) + ", got " +
                     std::to_string(height) + "x" + std::to_string(width));
  }
  if (height == 0 || width == 0) return;
  const SpanKernel convert = span_kernel();
  const std::int64_t plane = canvas.height * canvas.width;
  const std::int64_t band = std::max<std::int64_t>(1, kTaskPixels / width);
  std::atomic<bool> finite{true};
  parallel_for((height + band - 1) / band, threads, [&](std::int64_t task, int) {
    for (std::int64_t y = task * band; y < std::min(height, (task + 1) * band); ++y) {
      for (std::int64_t x = 0; x < width; x += kMaxSpan) {
        const float* red = canvas.pixels + y * canvas.width + x;
        if (!convert({red, red + plane, red + 2 * plane, std::min(kMaxSpan, width - x),
                      out + kChannels * (y * width + x)})) {
          finite = false;
        }
      }
    }
  });
  if (!finite) refuse(canvas, height, width);
}

}  // namespace petsgan
