// The devices of this machine, memory on them, and the order of streams: what a caller without a
// CUDA toolkit of its own needs to use petsgan/cuda/patch_transfer.h.
#pragma once

#include <cstddef>
#include <string>

#include "petsgan/cuda/patch_transfer.h"

#pragma GCC visibility push(default)
namespace petsgan::cuda {

struct DeviceStatus {
  int devices = 0;            // that can be used
  std::string reason;         // why there is none; empty otherwise
  std::string architectures;  // this library has code for, as "80 90"
  int runtime_version = 0;    // 1000 * major + 10 * minor
};

// Never throws, and needs no driver.
DeviceStatus device_status();

// The device that a pointer lies on. Throws ConfigError for memory that no device can use.
int pointer_device(const void* pointer);

// Makes a device current, and the one before again at the end of the scope.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int before_ = 0;
};

// Memory of the current device. Its end waits for the device, so it must not be reached while a
// graph is captured.
class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const { return data_; }
  int device() const { return device_; }

 private:
  void* data_ = nullptr;
  int device_ = 0;
};

// Memory that exists for the work enqueued on `stream` between begin and end of the scope. Nothing
// waits; it may be captured in a graph.
class StreamMemory {
 public:
  StreamMemory(std::size_t bytes, Stream stream);
  ~StreamMemory();
  StreamMemory(const StreamMemory&) = delete;
  StreamMemory& operator=(const StreamMemory&) = delete;

  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  Stream stream_ = nullptr;
};

// Work enqueued on `after` from now on waits for what is on `before` now. The host does not wait.
void order_streams(Stream before, Stream after);

}  // namespace petsgan::cuda
#pragma GCC visibility pop
