#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>

#include "petsgan/resize_window.h"
#include "python/numpy_interop.h"
#include "python/register.h"
#include "python/release_gil.h"

namespace petsgan::python {
namespace {

using Pair = std::array<std::int64_t, 2>;

py::array_t<float> resize_window_array(const py::array& source, Pair source_size, Pair target_size,
                                       Pair source_origin, std::array<std::int64_t, 4> window,
                                       bool wrap, int threads) {
  const auto* pixels = checked_data<float>(source, 4, "resize_window: source");
  const std::int64_t batch = source.shape(0);
  const std::int64_t channels = source.shape(1);
  const auto [top, left, height, width] = window;
  check_result_size({batch, channels, height, width}, "resize_window");
  const ResizeShape shape{
      batch * channels,
      {source_size[0], target_size[0], top, height, source_origin[0], source.shape(2)},
      {source_size[1], target_size[1], left, width, source_origin[1], source.shape(3)},
      wrap};
  py::array_t<float> out({batch, channels, height, width});
  float* data = out.mutable_data();
  const ReleaseGil release;
  resize_window(shape, pixels, threads, data);
  return out;
}

}  // namespace

void register_resize_window(py::module_& module) {
  module.def("resize_window", &resize_window_array, py::arg("source"), py::kw_only(),
             py::arg("source_size"), py::arg("target_size"), py::arg("source_origin"),
             py::arg("window"), py::arg("wrap"), py::arg("threads"));
}

}  // namespace petsgan::python
