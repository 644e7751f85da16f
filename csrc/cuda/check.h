// Turns CUDA errors into exceptions.
#pragma once

#ifdef PETSGAN_EMULATED_CUDA
#include "emu/cuda_on_cpu.h"
#else
#include <cuda_runtime_api.h>
#endif

#include <string>

#include "petsgan/errors.h"

namespace petsgan::cuda {

inline const char* advice(cudaError_t error) {
  switch (error) {
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
      return "install an NVIDIA driver for CUDA 13 (580 or newer) and check that nvidia-smi lists "
             "the GPU";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return "this build has no code for the GPU (compute capability 8.0 or newer is needed) or "
             "the "
             "driver is too old for it";
    case cudaErrorMemoryAllocation:
      return "free device memory, or pass fewer images at a time";
    case cudaErrorInvalidResourceHandle:
      return "the stream must belong to the device of the arrays";
    case cudaErrorStreamCaptureUnsupported:
      return "pass the output arrays when a graph is captured";
    default:
      return "an earlier launch may have failed; run with CUDA_LAUNCH_BLOCKING=1 to find it";
  }
}

inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw Error(std::string(what) + ": " + cudaGetErrorName(error) + " (" +
              cudaGetErrorString(error) + "); hint: " + advice(error));
}

}  // namespace petsgan::cuda
