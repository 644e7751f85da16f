#include <pybind11/numpy.h>

#include <string>

#include "petsgan/patch_transfer.h"
#include "python/numpy_interop.h"
#include "python/register.h"

namespace petsgan::python {
namespace {

PatchReference make_reference(const py::array& features, const py::array& values,
                              std::int64_t window) {
  const float* feature_data = checked_data<float>(features, 4, "PatchReference: features");
  const float* value_data = checked_data<float>(values, 4, "PatchReference: values");
  if (features.shape(0) != values.shape(0) || features.shape(2) != values.shape(2) ||
      features.shape(3) != values.shape(3)) {
    throw ShapeError("PatchReference: values must have the images, height and width of features, " +
                     describe_shape(features) + ", got " + describe_shape(values));
  }
  const PatchReference::Shape shape{features.shape(1), values.shape(1), features.shape(2),
                                    features.shape(3), features.shape(0)};
  py::gil_scoped_release release;
  return PatchReference(shape, window, feature_data, value_data);
}

py::tuple transfer(const PatchReference& reference, const py::array& query, double temperature,
                   bool normalize, int threads) {
  const std::string name = "patch_transfer: query";
  const float* features = checked_data<float>(query, 4, name);
  if (query.shape(1) != reference.shape().channels) {
    throw ShapeError(name + " must have " + std::to_string(reference.shape().channels) +
                     " channels like the reference, got shape " + describe_shape(query));
  }
  const py::ssize_t batch = query.shape(0), height = query.shape(2), width = query.shape(3);
  const auto value_channels = static_cast<py::ssize_t>(reference.shape().value_channels);
  check_result_size({batch, value_channels, height, width}, "patch_transfer");
  py::array_t<float> values({batch, value_channels, height, width});
  py::array_t<std::int32_t> index({batch, height, width});
  py::array_t<float> weight({batch, height, width});
  const PatchTransferOutput output{values.mutable_data(), index.mutable_data(),
                                   weight.mutable_data()};
  {
    py::gil_scoped_release release;
    patch_transfer({batch, height, width, features}, reference, {temperature, normalize, threads},
                   output);
  }
  return py::make_tuple(values, index, weight);
}

}  // namespace

void register_patch_transfer(py::module_& module) {
  py::class_<PatchReference>(module, "PatchReference")
      .def(py::init(&make_reference), py::arg("features"), py::arg("values"), py::kw_only(),
           py::arg("window"))
      .def("transfer", &transfer, py::arg("query"), py::kw_only(), py::arg("temperature"),
           py::arg("normalize"), py::arg("threads"));
}

}  // namespace petsgan::python
