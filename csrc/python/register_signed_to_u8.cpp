#include <pybind11/numpy.h>

#include <cstdint>

#include "petsgan/signed_to_u8.h"
#include "python/numpy_interop.h"
#include "python/register.h"
#include "python/release_gil.h"

namespace petsgan::python {
namespace {

py::array_t<std::uint8_t> signed_to_u8_array(const py::array& image, std::int64_t height,
                                             std::int64_t width, int threads) {
  const auto* pixels = checked_data<float>(image, 3, "signed_to_u8: image");
  if (image.shape(0) != 3) {
    throw ShapeError("signed_to_u8: image must have shape [3, H, W], got " + describe_shape(image));
  }
  const SignedCanvas canvas{image.shape(1), image.shape(2), pixels};
  py::array_t<std::uint8_t> out({height, width, std::int64_t{3}});
  std::uint8_t* data = out.mutable_data();
  const ReleaseGil release;
  signed_to_u8(canvas, height, width, threads, data);
  return out;
}

}  // namespace

void register_signed_to_u8(py::module_& module) {
  module.def("signed_to_u8", &signed_to_u8_array, py::arg("image"), py::kw_only(),
             py::arg("height"), py::arg("width"), py::arg("threads"));
}

}  // namespace petsgan::python
