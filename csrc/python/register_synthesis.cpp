#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "petsgan/composite_places.h"
#include "petsgan/correct_places.h"
#include "petsgan/place_features.h"
#include "python/numpy_interop.h"
#include "python/register.h"
#include "python/release_gil.h"

namespace petsgan::python {
namespace {

py::array_t<std::int8_t> place_features_array(const py::array& image, const py::array& basis,
                                              const py::array& bias, int shift, int threads) {
  const auto* pixels = checked_data<std::uint8_t>(image, 3, "place_features: image");
  const auto* weights = checked_data<std::int16_t>(basis, 4, "place_features: basis");
  const auto* added = checked_data<std::int32_t>(bias, 1, "place_features: bias");
  if (image.shape(0) < 1 || image.shape(1) < 1 || image.shape(2) != 3) {
    throw ShapeError("place_features: image must have shape [H >= 1, W >= 1, 3], got " +
                     describe_shape(image));
  }
  if (basis.shape(0) != kPlaceFeatures || basis.shape(1) != kFeatureWindow ||
      basis.shape(2) != kFeatureWindow || basis.shape(3) != 3) {
    throw ShapeError("place_features: basis must have shape [8, 5, 5, 3], got " +
                     describe_shape(basis));
  }
  if (bias.shape(0) != kPlaceFeatures) {
    throw ShapeError("place_features: bias must have shape [8], got " + describe_shape(bias));
  }
  const FeatureShape shape{image.shape(0), image.shape(1)};
  py::array_t<std::int8_t> out(
      {shape.height + 2 * kPlaceBorder, shape.width + 2 * kPlaceBorder, kPlaceFeatures});
  std::int8_t* data = out.mutable_data();
  const ReleaseGil release;
  place_features(shape, pixels, weights, added, shift, threads, data);
  return out;
}

// `photo` is (features, alike, shift, prices), `costs` the fields of PlaceCosts in order.
py::array_t<std::int16_t> correct_places_array(const py::array& places, const py::tuple& photo,
                                               const std::vector<std::int64_t>& costs,
                                               std::int64_t passes, const py::array& row_guides,
                                               const py::array& column_guides,
                                               const std::vector<std::int64_t>& corner,
                                               const std::vector<bool>& open, bool wraps,
                                               const std::optional<py::array>& fixed, int threads) {
  const std::string op = "correct_places: ";
  const auto* from = checked_data<std::int16_t>(places, 3, op + "places");
  const auto features = photo[0].cast<py::array>();
  const auto alike = photo[1].cast<py::array>();
  const auto prices = photo[3].cast<std::optional<py::array>>();
  PlacePhoto level{};
  level.features = checked_data<std::int8_t>(features, 3, op + "features");
  level.height = features.shape(0) - 2 * kPlaceBorder;
  level.width = features.shape(1) - 2 * kPlaceBorder;
  level.alike = checked_data<std::int16_t>(alike, 4, op + "alike");
  level.alike_height = alike.shape(0);
  level.alike_width = alike.shape(1);
  level.alike_count = alike.shape(2);
  level.alike_shift = photo[2].cast<std::int64_t>();
  level.prices = prices ? checked_data<std::int32_t>(*prices, 2, op + "prices") : nullptr;
  const auto need = [&](bool holds, const std::string& what, const py::array& found) {
    if (!holds) throw ShapeError(op + what + ", got " + describe_shape(found));
  };
  need(places.shape(0) >= 1 && places.shape(1) >= 1 && places.shape(2) == 2,
       "places must have shape [H >= 1, W >= 1, 2]", places);
  need(features.shape(2) == kPlaceFeatures, "features must have shape [h + 4, w + 4, 8]", features);
  need(alike.shape(3) == 2, "alike must have shape [h, w, K, 2]", alike);
  if (prices) {
    need(prices->shape(0) == level.height && prices->shape(1) == level.width,
         "prices must have the photo's shape [h, w]", *prices);
  }
  PlaceWindow window{};
  window.height = places.shape(0);
  window.width = places.shape(1);
  window.row_guides = checked_data<std::int32_t>(row_guides, 1, op + "row_guides");
  window.column_guides = checked_data<std::int32_t>(column_guides, 1, op + "column_guides");
  need(row_guides.shape(0) == window.height, "row_guides must have shape [H]", row_guides);
  need(column_guides.shape(0) == window.width, "column_guides must have shape [W]", column_guides);
  if (fixed) {
    window.fixed = checked_data<std::uint8_t>(*fixed, 2, op + "fixed");
    need(fixed->shape(0) == window.height && fixed->shape(1) == window.width,
         "fixed must have shape [H, W]", *fixed);
  }
  window.top = corner.at(0);
  window.left = corner.at(1);
  window.open_above = open.at(0);
  window.open_below = open.at(1);
  window.open_left = open.at(2);
  window.open_right = open.at(3);
  window.wraps = wraps;
  const auto cost = [&](std::size_t i) { return static_cast<std::int32_t>(costs.at(i)); };
  const PlaceCosts given{cost(0), cost(1),     cost(2),     cost(3),  cost(4),  cost(5), cost(6),
                         cost(7), costs.at(8), costs.at(9), cost(10), cost(11), cost(12)};
  py::array_t<std::int16_t> out({window.height, window.width, std::int64_t{2}});
  window.places = out.mutable_data();
  const ReleaseGil release;
  std::copy_n(from, 2 * window.height * window.width, window.places);
  correct_places(level, window, given, passes, threads);
  return out;
}

py::array_t<float> composite_places_array(const py::array& places, const py::array& photo,
                                          float screening, float softness, const py::array& steps,
                                          int threads) {
  const auto* from = checked_data<std::int16_t>(places, 3, "composite_places: places");
  const auto* pixels = checked_data<std::uint8_t>(photo, 3, "composite_places: photo");
  const auto* pairs = checked_data<float>(steps, 2, "composite_places: steps");
  if (places.shape(0) < 1 || places.shape(1) < 1 || places.shape(2) != 2) {
    throw ShapeError("composite_places: places must have shape [H >= 1, W >= 1, 2], got " +
                     describe_shape(places));
  }
  if (photo.shape(0) < 1 || photo.shape(1) < 1 || photo.shape(2) != 3) {
    throw ShapeError("composite_places: photo must have shape [h >= 1, w >= 1, 3], got " +
                     describe_shape(photo));
  }
  if (steps.shape(0) < 1 || steps.shape(1) != 2) {
    throw ShapeError("composite_places: steps must have shape [N >= 1, 2], got " +
                     describe_shape(steps));
  }
  std::vector<CompositeStep> relaxation;
  for (std::int64_t k = 0; k < steps.shape(0); ++k) {
    relaxation.push_back({pairs[2 * k], pairs[2 * k + 1]});
  }
  const CompositeShape shape{places.shape(0), places.shape(1), photo.shape(0), photo.shape(1)};
  py::array_t<float> out({std::int64_t{3}, shape.height, shape.width});
  float* data = out.mutable_data();
  const ReleaseGil release;
  composite_places(shape, from, pixels, screening, softness, relaxation.data(),
                   static_cast<std::int64_t>(relaxation.size()), threads, data);
  return out;
}

}  // namespace

void register_synthesis(py::module_& module) {
  module.def("place_features", &place_features_array, py::arg("image"), py::kw_only(),
             py::arg("basis"), py::arg("bias"), py::arg("shift"), py::arg("threads"));
  module.def("correct_places", &correct_places_array, py::arg("places"), py::arg("photo"),
             py::kw_only(), py::arg("costs"), py::arg("passes"), py::arg("row_guides"),
             py::arg("column_guides"), py::arg("corner"), py::arg("open"), py::arg("wraps"),
             py::arg("fixed").none(true), py::arg("threads"));
  module.def("composite_places", &composite_places_array, py::arg("places"), py::arg("photo"),
             py::kw_only(), py::arg("screening"), py::arg("softness"), py::arg("steps"),
             py::arg("threads"));
}

}  // namespace petsgan::python
