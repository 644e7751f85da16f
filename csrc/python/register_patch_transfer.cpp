#include <pybind11/numpy.h>

#include <algorithm>
#include <string>
#include <vector>

#include "petsgan/patch_transfer.h"
#include "petsgan/patch_transfer_gradient.h"
#include "python/numpy_interop.h"
#include "python/register.h"
#include "python/release_gil.h"

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
  const ReleaseGil release;
  return PatchReference(shape, window, feature_data, value_data);
}

const float* checked_query(const PatchReference& reference, const py::array& query,
                           const std::string& op) {
  const float* features = checked_data<float>(query, 4, op + ": query");
  if (query.shape(1) != reference.shape().channels) {
    throw ShapeError(op + ": query must have " + std::to_string(reference.shape().channels) +
                     " channels like the reference, got shape " + describe_shape(query));
  }
  return features;
}

py::tuple transfer(const PatchReference& reference, const py::array& query, double temperature,
                   bool normalize, int threads) {
  const float* features = checked_query(reference, query, "patch_transfer");
  const py::ssize_t batch = query.shape(0), height = query.shape(2), width = query.shape(3);
  const auto value_channels = static_cast<py::ssize_t>(reference.shape().value_channels);
  check_result_size({batch, value_channels, height, width}, "patch_transfer");
  py::array_t<float> values({batch, value_channels, height, width});
  py::array_t<std::int32_t> index({batch, height, width});
  py::array_t<float> weight({batch, height, width});
  const PatchTransferOutput output{values.mutable_data(), index.mutable_data(),
                                   weight.mutable_data()};
  {
    const ReleaseGil release;
    patch_transfer({batch, height, width, features}, reference, {temperature, normalize, threads},
                   output);
  }
  return py::make_tuple(values, index, weight);
}

// The data of an array of T and this shape.
template <typename T>
const T* checked_shape(const py::array& array, const std::vector<py::ssize_t>& shape,
                       const std::string& name) {
  const T* data = checked_data<T>(array, static_cast<int>(shape.size()), name);
  if (!std::equal(shape.begin(), shape.end(), array.shape())) {
    throw ShapeError(name + " does not fit query and reference, got shape " +
                     describe_shape(array));
  }
  return data;
}

py::tuple gradient(const PatchReference& reference, const py::array& query,
                   const py::array& features, const py::array& index, const py::array& weight,
                   const py::array& grad_values, const py::array& grad_weight, double temperature,
                   bool normalize, int threads) {
  const std::string op = "patch_transfer_gradient";
  const float* query_data = checked_query(reference, query, op);
  const PatchReference::Shape& shape = reference.shape();
  const float* feature_data = checked_shape<float>(
      features, {shape.images, shape.channels, shape.height, shape.width}, op + ": features");
  const py::ssize_t batch = query.shape(0), height = query.shape(2), width = query.shape(3);
  const std::vector<py::ssize_t> map{batch, height, width};
  const PatchMatches matches{checked_shape<std::int32_t>(index, map, op + ": index"),
                             checked_shape<float>(weight, map, op + ": weight")};
  const PatchOutputGradient incoming{
      checked_shape<float>(grad_values, {batch, shape.value_channels, height, width},
                           op + ": grad_values"),
      checked_shape<float>(grad_weight, map, op + ": grad_weight")};
  py::array_t<float> to_query({batch, query.shape(1), height, width});
  py::array_t<float> to_values(
      std::vector<py::ssize_t>{shape.images, shape.value_channels, shape.height, shape.width});
  const PatchInputGradient result{to_query.mutable_data(), to_values.mutable_data()};
  {
    const ReleaseGil release;
    patch_transfer_gradient({batch, height, width, query_data}, reference, feature_data,
                            {temperature, normalize, threads}, matches, incoming, result);
  }
  return py::make_tuple(to_query, to_values);
}

}  // namespace

void register_patch_transfer(py::module_& module) {
  py::class_<PatchReference>(module, "PatchReference")
      .def(py::init(&make_reference), py::arg("features"), py::arg("values"), py::kw_only(),
           py::arg("window"))
      .def("transfer", &transfer, py::arg("query"), py::kw_only(), py::arg("temperature"),
           py::arg("normalize"), py::arg("threads"))
      .def("gradient", &gradient, py::arg("query"), py::arg("features"), py::arg("index"),
           py::arg("weight"), py::arg("grad_values"), py::arg("grad_weight"), py::kw_only(),
           py::arg("temperature"), py::arg("normalize"), py::arg("threads"));
}

}  // namespace petsgan::python
