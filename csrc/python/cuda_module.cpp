// The extension module petsgan_sdk._cuda: device pointers as integers, which kernels/ checks.
// Separate from _core, so that nothing that CUDA lacks can break the CPU kernels.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "petsgan/cuda/device.h"
#include "petsgan/cuda/patch_transfer.h"
#include "petsgan/cuda/resize_window.h"
#include "petsgan/errors.h"
#include "python/cuda_synthesis.h"
#include "python/dlpack.h"
#include "python/release_gil.h"
#include "python/translate_errors.h"

namespace py = pybind11;

namespace {

using petsgan::cuda::DeviceMemory;
using petsgan::cuda::DeviceScope;
using petsgan::cuda::FeatureType;
using petsgan::cuda::PatchTransferShape;
using petsgan::cuda::Stream;
using petsgan::python::BorrowedTensor;

void* pointer(std::uintptr_t address) { return reinterpret_cast<void*>(address); }
Stream stream_of(std::uintptr_t handle) { return reinterpret_cast<Stream>(handle); }

PatchTransferShape make_shape(std::int64_t batch, std::int64_t channels, std::int64_t height,
                              std::int64_t width, std::int64_t images, std::int64_t ref_height,
                              std::int64_t ref_width, std::int64_t value_channels,
                              std::int64_t window) {
  return {batch, channels, height, width, images, ref_height, ref_width, value_channels, window};
}

py::dict status() {
  const petsgan::cuda::DeviceStatus found = petsgan::cuda::device_status();
  py::dict result;
  result["devices"] = found.devices;
  result["reason"] = found.reason;
  result["architectures"] = found.architectures;
  result["runtime"] = std::to_string(found.runtime_version / 1000) + "." +
                      std::to_string(found.runtime_version % 1000 / 10);
  return result;
}

std::shared_ptr<DeviceMemory> allocate(std::size_t bytes, int device) {
  const DeviceScope scope(device);
  return std::make_shared<DeviceMemory>(bytes);
}

// The tensor in a capsule: owner, address, device type and id, dtype code and bits, shape, and
// whether it is C-contiguous.
py::tuple borrow(const py::capsule& capsule) {
  auto borrowed = std::make_shared<BorrowedTensor>(capsule);
  const petsgan::python::DlTensor& t = borrowed->tensor();
  const std::vector<std::int64_t> shape(t.shape, t.shape + t.ndim);
  const int bits = t.dtype.lanes == 1 ? t.dtype.bits : 0;
  const auto address = reinterpret_cast<std::uintptr_t>(t.data) + t.byte_offset;
  return py::make_tuple(borrowed, address, t.device.type, t.device.id, t.dtype.code, bits, shape,
                        borrowed->is_contiguous());
}

// Features and values of a reference on one device, and what was computed from them.
class Reference {
 public:
  Reference(const PatchTransferShape& shape, int type, int device, std::uintptr_t features,
            std::uintptr_t values, std::uintptr_t stream)
      : shape_(shape),
        type_(static_cast<FeatureType>(type)),
        pointers_{pointer(features), static_cast<const float*>(pointer(values))} {
    const std::size_t bytes = petsgan::cuda::packed_reference_bytes(shape);
    const DeviceScope scope(device);
    packed_ = std::make_unique<DeviceMemory>(bytes);
    petsgan::cuda::pack_reference(shape_, type_, pointers_, packed_->data(), stream_of(stream));
  }

  std::int64_t first_not_finite(bool in_values, std::uintptr_t stream) const {
    const DeviceScope scope(packed_->device());
    using petsgan::cuda::ReferenceArray;
    return petsgan::cuda::first_not_finite(
        packed_->data(), in_values ? ReferenceArray::kValues : ReferenceArray::kFeatures,
        stream_of(stream));
  }

  void transfer(std::vector<std::int64_t> query_shape, std::uintptr_t query,
                std::vector<std::uintptr_t> out, double temperature, bool normalize,
                std::uintptr_t stream) const {
    PatchTransferShape shape = shape_;
    shape.batch = query_shape.at(0);
    shape.height = query_shape.at(2);
    shape.width = query_shape.at(3);
    const std::size_t bytes = petsgan::cuda::workspace_bytes(shape, type_);
    const DeviceScope scope(packed_->device());
    const petsgan::cuda::StreamMemory workspace(bytes, stream_of(stream));
    petsgan::cuda::patch_transfer(
        shape, type_, pointer(query), pointers_, packed_->data(), {temperature, normalize},
        {static_cast<float*>(pointer(out.at(0))), static_cast<std::int32_t*>(pointer(out.at(1))),
         static_cast<float*>(pointer(out.at(2)))},
        workspace.data(), stream_of(stream));
  }

 private:
  PatchTransferShape shape_;
  FeatureType type_;
  petsgan::cuda::ReferencePointers pointers_;
  std::unique_ptr<DeviceMemory> packed_;
};

// source, target, start, length, origin, available
using AxisSizes = std::array<std::int64_t, 6>;

void resize_window(std::int64_t maps, const AxisSizes& rows, const AxisSizes& columns, bool wrap,
                   std::uintptr_t source, std::uintptr_t out, int device, std::uintptr_t stream) {
  const auto axis = [](const AxisSizes& sizes) {
    return petsgan::ResizeAxis{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]};
  };
  const DeviceScope scope(device);
  petsgan::cuda::resize_window({maps, axis(rows), axis(columns), wrap},
                               static_cast<const float*>(pointer(source)),
                               static_cast<float*>(pointer(out)), stream_of(stream));
}

void order_streams(std::uintptr_t before, std::uintptr_t after, int device) {
  const DeviceScope scope(device);
  petsgan::cuda::order_streams(stream_of(before), stream_of(after));
}

}  // namespace

PYBIND11_MODULE(_cuda, module) {
  module.doc() = "CUDA kernels of petsgan_sdk; call them through petsgan_sdk.kernels.";
  py::register_local_exception_translator(petsgan::python::translate_errors);
  using release_gil = py::call_guard<petsgan::python::ReleaseGil>;
  module.def("status", &status);
  module.def(
      "pointer_device",
      [](std::uintptr_t address) { return petsgan::cuda::pointer_device(pointer(address)); },
      py::arg("address"));
  module.def("order_streams", &order_streams, py::arg("before"), py::arg("after"),
             py::arg("device"), release_gil());
  module.def("resize_window", &resize_window, py::kw_only(), py::arg("maps"), py::arg("rows"),
             py::arg("columns"), py::arg("wrap"), py::arg("source"), py::arg("out"),
             py::arg("device"), py::arg("stream"), release_gil());

  petsgan::python::register_cuda_synthesis(module);

  py::class_<PatchTransferShape>(module, "Shape")
      .def(py::init(&make_shape), py::kw_only(), py::arg("batch"), py::arg("channels"),
           py::arg("height"), py::arg("width"), py::arg("images"), py::arg("ref_height"),
           py::arg("ref_width"), py::arg("value_channels"), py::arg("window"));

  py::class_<BorrowedTensor, std::shared_ptr<BorrowedTensor>>(module, "BorrowedTensor");
  module.def("borrow", &borrow, py::arg("capsule"));

  py::class_<DeviceMemory, std::shared_ptr<DeviceMemory>>(module, "DeviceMemory")
      .def(py::init(&allocate), py::arg("size"), py::arg("device"))
      .def_property_readonly("device", &DeviceMemory::device)
      .def_property_readonly("address",
                             [](const DeviceMemory& memory) {
                               return reinterpret_cast<std::uintptr_t>(memory.data());
                             })
      .def(
          "lend",
          [](const std::shared_ptr<DeviceMemory>& memory, std::vector<std::int64_t> shape, int code,
             int bits) {
            return petsgan::python::lend_cuda_tensor(
                memory, memory->data(), memory->device(), static_cast<std::uint8_t>(code),
                static_cast<std::uint8_t>(bits), std::move(shape));
          },
          py::arg("shape"), py::arg("code"), py::arg("bits"));

  py::class_<Reference>(module, "Reference")
      .def(py::init<const PatchTransferShape&, int, int, std::uintptr_t, std::uintptr_t,
                    std::uintptr_t>(),
           py::arg("shape"), py::kw_only(), py::arg("type"), py::arg("device"), py::arg("features"),
           py::arg("values"), py::arg("stream"), release_gil())
      .def("first_not_finite", &Reference::first_not_finite, py::arg("in_values"),
           py::arg("stream"), release_gil())
      .def("transfer", &Reference::transfer, py::kw_only(), py::arg("query_shape"),
           py::arg("query"), py::arg("out"), py::arg("temperature"), py::arg("normalize"),
           py::arg("stream"), release_gil());
}
