// Patch transfer (PetsGAN eq. 7): for every patch of a query feature map the most similar reference
// patch, its softmax weight, and the overlap average of the matched value patches.
#pragma once

#include <cstdint>
#include <memory>

#include "petsgan/executor.h"

namespace petsgan {

struct PackedReference;  // private layout, depends on the instruction set in use

// Features [images, channels, height, width] and values [images, value_channels, height, width] of
// what is searched, float32 and C-contiguous, checked and packed once. A patch never reaches from
// one image into another. Immutable; may be shared by threads.
class PatchReference {
 public:
  struct Shape {
    std::int64_t channels = 0;
    std::int64_t value_channels = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t images = 1;
  };

  // `window` is the odd side of a patch in pixels. Throws ShapeError for an empty reference,
  // ConfigError for an even window, InputError for a feature or value that is not finite.
  PatchReference(const Shape& shape, std::int64_t window, const float* features,
                 const float* values);
  ~PatchReference();
  PatchReference(PatchReference&&) noexcept;
  PatchReference& operator=(PatchReference&&) noexcept;

  const Shape& shape() const;
  const PackedReference& packed() const { return *packed_; }

 private:
  std::unique_ptr<const PackedReference> packed_;
};

// `features` is [batch, channels of the reference, height, width].
struct PatchQuery {
  std::int64_t batch = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  const float* features = nullptr;
};

struct PatchTransferOptions {
  double temperature = 0.01;     // of the softmax, >= 0; 0 means that every weight is 1
  bool normalize = true;         // divide by the weights that voted, not by the patch count
  int threads = 1;               // at most this many; the result does not depend on it
  Executor* executor = nullptr;  // of the caller, used instead of own threads
};

// All C-contiguous, owned by the caller.
struct PatchTransferOutput {
  float* values = nullptr;        // [batch, value_channels, height, width]
  std::int32_t* index = nullptr;  // [batch, height, width], (image * height + y) * width + x
  float* weight = nullptr;        // [batch, height, width], in (0, 1]
};

// Memory beyond the arguments is O(query + reference) plus window + 4 planes of
// (query width x reference width) for each thread; the similarity matrix is never stored.
void patch_transfer(const PatchQuery& query, const PatchReference& reference,
                    const PatchTransferOptions& options, const PatchTransferOutput& output);

}  // namespace petsgan
