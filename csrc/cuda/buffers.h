// What every op checks of its arrays, and how buffers are cut into parts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include "petsgan/errors.h"

namespace petsgan::cuda {

// Every part of a buffer starts at a multiple of this.
constexpr std::size_t kAlignment = 256;
constexpr std::int64_t kMaxPixels = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxBlocks = std::numeric_limits<std::int32_t>::max();

// The product of sizes of at least 0. Throws ShapeError when it would exceed `limit`.
inline std::int64_t checked_product(const char* op, const char* name,
                                    std::initializer_list<std::int64_t> sizes, std::int64_t limit) {
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return 0;
  std::int64_t product = 1;
  std::string text;
  bool fits = true;
  for (const std::int64_t size : sizes) {
    text += (text.empty() ? "" : " x ") + std::to_string(size);
    fits = fits && size <= limit / product;
    if (fits) product *= size;
  }
  if (!fits) {
    throw ShapeError(std::string(op) + ": " + name + " must have at most " + std::to_string(limit) +
                     " elements, got " + text);
  }
  return product;
}

inline void check_positive(const char* op, const char* name, std::int64_t size) {
  if (size >= 1) return;
  throw ShapeError(std::string(op) + ": " + name + " must be at least 1, got " +
                   std::to_string(size));
}

inline void check_pointer(const char* op, const char* name, const void* pointer,
                          std::size_t alignment) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  if (address != 0 && address % alignment == 0) return;
  throw ConfigError(std::string(op) + ": " + name + " must be a device pointer aligned to " +
                    std::to_string(alignment) + " bytes, got " + std::to_string(address));
}

// Hands out parts of a buffer.
class Cutter {
 public:
  std::size_t take(std::int64_t count, std::size_t bytes) {
    const std::size_t start = end_;
    const std::size_t size = static_cast<std::size_t>(count) * bytes;
    end_ += (size + kAlignment - 1) / kAlignment * kAlignment;
    return start;
  }

  std::size_t end() const { return end_; }

 private:
  std::size_t end_ = 0;
};

template <typename T>
T* part_of(void* buffer, std::size_t offset) {
  return reinterpret_cast<T*>(static_cast<unsigned char*>(buffer) + offset);
}

}  // namespace petsgan::cuda
