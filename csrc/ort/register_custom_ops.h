// The ops of the library, one for each provider.
#pragma once

#include "ort/abi.h"

namespace petsgan::ort {

const OrtCustomOp& cpu_patch_transfer();

}  // namespace petsgan::ort
