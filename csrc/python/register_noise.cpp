#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>

#include "petsgan/noise.h"
#include "python/numpy_interop.h"
#include "python/register.h"
#include "python/release_gil.h"

namespace petsgan::python {
namespace {

py::array_t<float> normal_noise_array(std::array<std::int64_t, 4> shape, std::uint64_t seed,
                                      std::uint32_t stage, std::uint32_t first_image,
                                      std::int32_t top, std::int32_t left) {
  const NoiseBlock block{shape[0], shape[1], shape[2], shape[3], stage, first_image, top, left};
  check_result_size({shape.begin(), shape.end()}, "normal_noise");
  py::array_t<float> out({shape[0], shape[1], shape[2], shape[3]});
  float* data = out.mutable_data();
  const ReleaseGil release;
  normal_noise(block, seed, data);
  return out;
}

}  // namespace

void register_noise(py::module_& module) {
  module.def("normal_noise", &normal_noise_array, py::arg("shape"), py::kw_only(), py::arg("seed"),
             py::arg("stage"), py::arg("first_image"), py::arg("top"), py::arg("left"));
}

}  // namespace petsgan::python
