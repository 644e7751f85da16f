// Patch transfer (PetsGAN eq. 7) on a CUDA device: the contract of petsgan/patch_transfer.h on
// memory that the caller owns.
//
// Stateless and ordered by the caller's stream: no function but first_not_finite() allocates, waits
// or copies to the host, so all others may be captured in a CUDA graph. Every data pointer is a
// device pointer of the current device; arrays are C-contiguous. Results are deterministic on a
// GPU, and the same bits for an image alone and in a batch.
//
// Errors: ShapeError and ConfigError for what is wrong with the arguments, before anything is
// launched; Error with the name of the CUDA error when a launch fails.
#pragma once

#include <cstddef>
#include <cstdint>

struct CUstream_st;  // cudaStream_t is a pointer to it

#pragma GCC visibility push(default)
namespace petsgan::cuda {

using Stream = CUstream_st*;

// Of the features, whose products are always accumulated in float32. float32 features are
// multiplied in float32; float16 and bfloat16 features on the tensor cores.
enum class FeatureType { kFloat32, kFloat16, kBFloat16 };

struct PatchTransferShape {
  std::int64_t batch = 0;           // >= 0; all other sizes are >= 1
  std::int64_t channels = 0;        // of the features
  std::int64_t height = 0;          // of the query
  std::int64_t width = 0;           // of the query
  std::int64_t images = 1;          // reference images, searched together
  std::int64_t ref_height = 0;      // of each reference image
  std::int64_t ref_width = 0;       // of each reference image
  std::int64_t value_channels = 0;  // of the reference's values
  std::int64_t window = 7;          // side of a patch in pixels, odd
};

struct ReferencePointers {
  const void* features = nullptr;  // [images, channels, ref_height, ref_width]
  const float* values = nullptr;   // [images, value_channels, ref_height, ref_width]
};

struct PatchTransferOptions {
  double temperature = 0.01;  // of the softmax, >= 0; 0 means that every weight is 1
  bool normalize = true;      // divide by the weights that voted, not by the patch count
};

struct PatchTransferOutput {
  float* values = nullptr;  // [batch, value_channels, height, width]
  std::int32_t* index =
      nullptr;              // [batch, height, width], (image * ref_height + y) * ref_width + x
  float* weight = nullptr;  // [batch, height, width], in (0, 1]; NaN where features are not finite
};

// Bytes of the buffer that pack_reference() fills: 12 for each reference pixel and a header.
// `batch`, `height` and `width` do not matter and may be 0.
std::size_t packed_reference_bytes(const PatchTransferShape& shape);

// Bytes of scratch memory for one patch_transfer(), at most about 64 MB unless a single image needs
// more: O(query pixels * partial results), never query pixels * reference pixels. Depends on the
// sizes only, not on the device.
std::size_t workspace_bytes(const PatchTransferShape& shape, FeatureType type);

// Computes what the search needs of a reference: do it once per model. `packed` has
// packed_reference_bytes() bytes, aligned to 256, and is used with the same `reference` and `type`.
void pack_reference(const PatchTransferShape& shape, FeatureType type,
                    const ReferencePointers& reference, void* packed, Stream stream);

// Waits for `stream` and returns the position of the first NaN or infinity in the features of a
// packed reference, or in its values; -1 if there is none. Not for graph capture.
enum class ReferenceArray { kFeatures, kValues };
std::int64_t first_not_finite(const void* packed, ReferenceArray array, Stream stream);

// `query` is [batch, channels, height, width] of `type`; `workspace` has workspace_bytes() bytes,
// aligned to 256, and must not be used by another call until this one has finished on the device.
// Features are not searched for NaN, which would need a wait: all weights of an image with a
// feature that is not finite are NaN, and all of a batch for such a reference; indices stay in
// range.
void patch_transfer(const PatchTransferShape& shape, FeatureType type, const void* query,
                    const ReferencePointers& reference, const void* packed,
                    const PatchTransferOptions& options, const PatchTransferOutput& output,
                    void* workspace, Stream stream);

}  // namespace petsgan::cuda
#pragma GCC visibility pop
