#include <array>
#include <cstddef>

#include "common/box_muller.h"
#include "common/philox.h"
#include "cpu/noise_row/kernel.h"

namespace petsgan {

void noise_row_portable(const NoiseRow& row) {
  PhiloxCounter counter = {row.x, row.y, row.image, row.group};
  for (std::int64_t pixel = 0; pixel < row.width; ++pixel, ++counter[0]) {
    const PhiloxCounter words = philox4x32(counter, {row.key0, row.key1});
    const auto [a, b] = box_muller(words[0], words[1]);
    const auto [c, d] = box_muller(words[2], words[3]);
    const std::array<float, 4> normals = {a, b, c, d};
    for (std::int64_t k = 0; k < row.channels; ++k) {
      row.out[k * row.plane + pixel] = normals[static_cast<std::size_t>(k)];
    }
  }
}

}  // namespace petsgan
