// The ops of the library: the same one for each execution provider.
#pragma once

#include "ort/abi.h"

namespace petsgan::ort {

const OrtCustomOp& cpu_patch_transfer();
const OrtCustomOp& cuda_patch_transfer();  // only in a build with CUDA

}  // namespace petsgan::ort
