#include <string>

#include "cuda/check.h"
#include "petsgan/cuda/device.h"
#include "petsgan/errors.h"

namespace petsgan::cuda {

DeviceStatus device_status() {
  DeviceStatus status;
  status.architectures = PETSGAN_CUDA_ARCHITECTURES;
  cudaRuntimeGetVersion(&status.runtime_version);
  const cudaError_t error = cudaGetDeviceCount(&status.devices);
  if (error != cudaSuccess) {
    cudaGetLastError();  // or the next launch would report it
    status.devices = 0;
    status.reason = std::string(cudaGetErrorName(error)) + " (" + cudaGetErrorString(error) + ")";
  } else if (status.devices == 0) {
    status.reason = "the driver lists no device";
  }
  return status;
}

int pointer_device(const void* pointer) {
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, pointer), "device of a pointer");
  if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged) {
    throw ConfigError("device of a pointer: must be CUDA device memory, got host memory");
  }
  return attributes.device;
}

DeviceScope::DeviceScope(int device) {
  check(cudaGetDevice(&before_), "current device");
  check(cudaSetDevice(device), "set device");
}

DeviceScope::~DeviceScope() { cudaSetDevice(before_); }

DeviceMemory::DeviceMemory(std::size_t bytes) {
  check(cudaGetDevice(&device_), "current device");
  check(cudaMalloc(&data_, bytes == 0 ? 1 : bytes), "allocate device memory");
}

DeviceMemory::~DeviceMemory() { cudaFree(data_); }

StreamMemory::StreamMemory(std::size_t bytes, Stream stream) : stream_(stream) {
  check(cudaMallocAsync(&data_, bytes == 0 ? 1 : bytes, stream), "allocate workspace");
}

StreamMemory::~StreamMemory() { cudaFreeAsync(data_, stream_); }

void order_streams(Stream before, Stream after) {
  if (before == after) return;
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "order streams: event");
  const cudaError_t recorded = cudaEventRecord(event, before);
  const cudaError_t waits =
      recorded == cudaSuccess ? cudaStreamWaitEvent(after, event, 0) : recorded;
  cudaEventDestroy(event);
  check(waits, "order streams");
}

}  // namespace petsgan::cuda
