// The op of the CUDA provider without a runtime to register it with.
#include "ort/register_custom_ops.h"

extern "C" const petsgan::ort::OrtCustomOp* emulated_op() {
  return &petsgan::ort::cuda_patch_transfer();
}
