#include "python/cuda_synthesis.h"

#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "petsgan/correct_places.h"
#include "petsgan/cuda/composite_places.h"
#include "petsgan/cuda/correct_places.h"
#include "petsgan/cuda/device.h"
#include "petsgan/cuda/place_features.h"
#include "petsgan/errors.h"
#include "python/release_gil.h"

namespace py = pybind11;

namespace petsgan::python {
namespace {

using cuda::DeviceScope;
using cuda::StreamMemory;

template <typename T>
T* pointer(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);
}
cuda::Stream stream_of(std::uintptr_t handle) { return reinterpret_cast<cuda::Stream>(handle); }

// Height, width, and alike's height, width, count and shift.
using PhotoSizes = std::array<std::int64_t, 6>;
// Of features, alike and prices.
using PhotoAddresses = std::array<std::uintptr_t, 3>;

PlacePhoto photo_of(const PhotoSizes& sizes, const PhotoAddresses& addresses) {
  return {sizes[0],
          sizes[1],
          pointer<const std::int8_t>(addresses[0]),
          pointer<const std::int16_t>(addresses[1]),
          sizes[2],
          sizes[3],
          sizes[4],
          sizes[5],
          pointer<const std::int32_t>(addresses[2])};
}

std::int64_t first_wrong(const PhotoSizes& photo, const PhotoAddresses& addresses, bool in_prices,
                         int device, std::uintptr_t stream) {
  const DeviceScope scope(device);
  const cuda::DeviceMemory scratch(sizeof(std::int64_t));
  return cuda::first_wrong(photo_of(photo, addresses),
                           in_prices ? cuda::PlaceArray::kPrices : cuda::PlaceArray::kAlike,
                           scratch.data(), stream_of(stream));
}

// `window` is top, left, height, width; `arrays` are places, row guides, column guides and fixed;
// `costs` the fields of PlaceCosts in order.
void correct_places(const PhotoSizes& photo, const PhotoAddresses& addresses,
                    const std::array<std::int64_t, 4>& window, const std::array<bool, 4>& open,
                    bool wraps, const std::array<std::uintptr_t, 4>& arrays,
                    const std::array<std::int64_t, 13>& costs, std::int64_t passes,
                    std::uintptr_t out, int device, std::uintptr_t stream) {
  const PlaceWindow of{window[0],
                       window[1],
                       window[2],
                       window[3],
                       pointer<std::int16_t>(arrays[0]),
                       open[0],
                       open[1],
                       open[2],
                       open[3],
                       wraps,
                       pointer<const std::int32_t>(arrays[1]),
                       pointer<const std::int32_t>(arrays[2]),
                       pointer<const std::uint8_t>(arrays[3])};
  const auto cost = [&](std::size_t i) { return static_cast<std::int32_t>(costs[i]); };
  const PlaceCosts given{cost(0), cost(1),  cost(2),  cost(3),  cost(4),  cost(5), cost(6),
                         cost(7), costs[8], costs[9], cost(10), cost(11), cost(12)};
  const PlacePhoto level = photo_of(photo, addresses);
  const std::size_t bytes = cuda::correct_places_workspace_bytes(level, of, given);
  const DeviceScope scope(device);
  const StreamMemory workspace(bytes, stream_of(stream));
  cuda::correct_places(level, of, given, passes, pointer<std::int16_t>(out), workspace.data(),
                       stream_of(stream));
}

// `steps` are pairs of keep and take.
void composite_places(const std::array<std::int64_t, 4>& sizes, std::uintptr_t places,
                      std::uintptr_t photo, float screening, float softness,
                      const std::vector<std::array<float, 2>>& steps, std::uintptr_t out,
                      int device, std::uintptr_t stream) {
  const CompositeShape shape{sizes[0], sizes[1], sizes[2], sizes[3]};
  std::vector<CompositeStep> relaxation;
  for (const auto& step : steps) relaxation.push_back({step[0], step[1]});
  const std::size_t bytes = cuda::composite_places_workspace_bytes(shape);
  const DeviceScope scope(device);
  const StreamMemory workspace(bytes, stream_of(stream));
  cuda::composite_places(shape, pointer<const std::int16_t>(places),
                         pointer<const std::uint8_t>(photo), screening, softness, relaxation.data(),
                         static_cast<std::int64_t>(relaxation.size()), pointer<float>(out),
                         workspace.data(), stream_of(stream));
}

// `basis` and `bias` are on the host.
void place_features(const std::array<std::int64_t, 2>& size, std::uintptr_t image,
                    const std::vector<std::int16_t>& basis,
                    const std::array<std::int32_t, kPlaceFeatures>& bias, int shift,
                    std::uintptr_t out, int device, std::uintptr_t stream) {
  if (basis.size() != static_cast<std::size_t>(kPlaceFeatures * kFeatureTaps)) {
    throw ShapeError("place_features: basis must have 600 numbers, got " +
                     std::to_string(basis.size()));
  }
  const DeviceScope scope(device);
  cuda::place_features({size[0], size[1]}, pointer<const std::uint8_t>(image), basis.data(),
                       bias.data(), shift, pointer<std::int8_t>(out), stream_of(stream));
}

}  // namespace

void register_cuda_synthesis(py::module_& module) {
  using release_gil = py::call_guard<ReleaseGil>;
  module.def("first_wrong", &first_wrong, py::kw_only(), py::arg("photo"), py::arg("addresses"),
             py::arg("in_prices"), py::arg("device"), py::arg("stream"), release_gil());
  module.def("correct_places", &correct_places, py::kw_only(), py::arg("photo"),
             py::arg("addresses"), py::arg("window"), py::arg("open"), py::arg("wraps"),
             py::arg("arrays"), py::arg("costs"), py::arg("passes"), py::arg("out"),
             py::arg("device"), py::arg("stream"), release_gil());
  module.def("composite_places", &composite_places, py::kw_only(), py::arg("sizes"),
             py::arg("places"), py::arg("photo"), py::arg("screening"), py::arg("softness"),
             py::arg("steps"), py::arg("out"), py::arg("device"), py::arg("stream"), release_gil());
  module.def("place_features", &place_features, py::kw_only(), py::arg("size"), py::arg("image"),
             py::arg("basis"), py::arg("bias"), py::arg("shift"), py::arg("out"), py::arg("device"),
             py::arg("stream"), release_gil());
}

}  // namespace petsgan::python
