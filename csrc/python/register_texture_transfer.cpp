#include <pybind11/numpy.h>

#include <cstdint>
#include <string>

#include "petsgan/texture_transfer.h"
#include "python/numpy_interop.h"
#include "python/register.h"
#include "python/release_gil.h"

namespace petsgan::python {
namespace {

py::array_t<float> texture_transfer_array(const py::array& index, const py::array& texture,
                                          std::int64_t factor, int threads) {
  const auto* index_data = checked_data<std::int32_t>(index, 3, "texture_transfer: index");
  const auto* texture_data = checked_data<float>(texture, 3, "texture_transfer: texture");
  if (factor < 2 || factor % 2 != 0) {
    throw ConfigError("texture_transfer: factor must be even and at least 2, got " +
                      std::to_string(factor));
  }
  if (texture.shape(0) != 3 || texture.shape(1) % factor != 0 || texture.shape(2) % factor != 0) {
    throw ShapeError("texture_transfer: texture must have shape [3, h * factor, w * factor], got " +
                     describe_shape(texture));
  }
  const TextureTransferShape shape{index.shape(0),
                                   index.shape(1),
                                   index.shape(2),
                                   texture.shape(1) / factor,
                                   texture.shape(2) / factor,
                                   factor};
  check_result_size({shape.batch, 3, shape.height, factor, shape.width, factor},
                    "texture_transfer");
  py::array_t<float> out(
      {shape.batch, std::int64_t{3}, shape.height * factor, shape.width * factor});
  float* data = out.mutable_data();
  const ReleaseGil release;
  texture_transfer(shape, index_data, texture_data, threads, data);
  return out;
}

}  // namespace

void register_texture_transfer(py::module_& module) {
  module.def("texture_transfer", &texture_transfer_array, py::arg("index"), py::arg("texture"),
             py::kw_only(), py::arg("factor"), py::arg("threads"));
}

}  // namespace petsgan::python
