// The kernels of patch transfer: what each reads and writes, and how to launch it. Arguments were
// checked by patch_transfer.cu.
#pragma once

#include <cstdint>

#include "cuda/match_state.h"
#include "cuda/plan.h"
#include "petsgan/cuda/patch_transfer.h"

namespace petsgan::cuda {

// Found over one map, or over all images of a reference. Starts as zeros.
struct MapSummary {
  unsigned long long peak;             // bits of the largest pixel energy, a double
  unsigned long long not_finite_code;  // ~position of the first value that is not finite; 0: none
};

// [maps, channels, height, width] features.
struct FeatureMaps {
  const void* features;
  std::int64_t maps;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
};

struct NormsTask {
  FeatureMaps input;
  std::int64_t maps_per_summary;  // 1 for queries; all for a reference, which has one scale
  std::int64_t radius;
  bool scaled;            // multiply features by a power of two near 1 / largest
  MapSummary* summaries;  // [maps / maps_per_summary]
  float* scales;          // [maps / maps_per_summary]; NaN if a feature is not finite
  double* energy;         // [maps, height, width], scratch
  float* inverse;         // [maps, height, width], 1 / norm of the scaled patch
};

// Energies and summary only.
void launch_energy(FeatureType type, const NormsTask& task, Stream stream);
// 1 / |patch| of every pixel; after launch_energy().
void launch_inverse_norms(const NormsTask& task, Stream stream);

struct SimilarityTask {
  SimilarityPlan plan;
  const void* query;         // [images of this launch, channels, height, width]
  const void* keys;          // [ref images, channels, ref_height, ref_width]
  const float* query_scale;  // [images of this launch]
  const float* key_scale;    // [1]
  const float* query_inverse;
  const float* key_inverse;
  float per_cosine;    // log2(e) / temperature; 0 for a hard match
  MatchStates states;  // [images of this launch, splits, height, width]
};

void launch_similarity(FeatureType type, const SimilarityTask& task, std::int64_t images,
                       Stream stream);

struct MergeTask {
  MatchStates states;  // [images, splits, pixels]
  std::int64_t images;
  std::int64_t splits;
  std::int64_t pixels;
  const float* query_scale;
  const float* key_scale;
  const float* query_inverse;
  float per_cosine;
  std::int32_t* index;  // [images, pixels]
  float* weight;        // [images, pixels]
};

void launch_merge(const MergeTask& task, Stream stream);

struct FoldTask {
  const std::int32_t* index;  // [images, height, width]
  const float* weight;        // [images, height, width]
  const float* values;        // [ref images, channels, ref_height, ref_width]
  float* out;                 // [images, channels, height, width]
  std::int64_t images;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  std::int64_t ref_height;
  std::int64_t ref_width;
  std::int64_t radius;
  bool normalize;
};

void launch_fold(const FoldTask& task, Stream stream);

}  // namespace petsgan::cuda
