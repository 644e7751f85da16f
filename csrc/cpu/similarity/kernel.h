// The inner kernel of patch transfer: streams all similarities of a range of diagonals and keeps,
// for every query, the best score, its index, and the sum of exponentials. One build of it for each
// instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/feature_map.h"

namespace petsgan {

// For every query pixel, rows of `padded_width`. A score is the cosine times the query's own norm,
// so that the best score is the best cosine and the query norm enters only in `steepness`.
struct MatchState {
  float* best;
  float* sum;           // of exp2((score - best) * steepness)
  std::int32_t* index;  // first_index + y * key_width + x
};

struct SimilarityTask {
  std::int64_t channels;
  std::int64_t query_height, query_width, padded_width;  // padded to a multiple of `lanes`
  std::int64_t key_height, key_width;
  std::int64_t radius;          // window = 2 * radius + 1
  const std::byte* query;       // rows as pack_query_row() made them
  const std::byte* keys;        // rows as pack_key_row() made them
  const float* key_scale;       // [key_height][key_width], 1 / patch norm
  const float* steepness;       // [query_height][padded_width], log2(e) / temperature / norm
  const float* cutoff;          // same shape: scores this far below the best are not summed
  bool soft;                    // false: only best and index are wanted
  std::int64_t first_index;     // of the keys' image
  std::int64_t first_diagonal;  // key row - query row
  std::int64_t last_diagonal;   // exclusive
  MatchState state;
  float* scratch;        // scratch_size() floats, 64-byte aligned, zero at first use
  const float** planes;  // 2 * radius + SimilarityKernel::rows pointers of scratch
};

struct SimilarityKernel {
  std::int64_t lanes;  // queries that one vector holds
  std::int64_t rows;   // query rows that are finished together
  // Rows of features times `scale`, in the layout of this kernel. Padding is 0.
  std::int64_t (*query_row_bytes)(std::int64_t channels, std::int64_t padded_width);
  void (*pack_query_row)(const FeatureMap& map, float scale, std::int64_t row,
                         std::int64_t padded_width, std::byte* packed);
  std::int64_t (*key_row_bytes)(std::int64_t channels, std::int64_t width);
  void (*pack_key_row)(const FeatureMap& map, float scale, std::int64_t row, std::byte* packed);
  std::int64_t (*scratch_size)(const SimilarityTask& task);
  void (*run)(const SimilarityTask& task);
  // into += from, for `count` queries (a multiple of `lanes`).
  void (*merge)(const MatchState& into, const MatchState& from, const float* steepness,
                std::int64_t count);
  // Multiply-adds in registers, `iterations` times the same fixed number, which it returns.
  std::int64_t (*multiply_add_loop)(std::int64_t iterations);
};

// The fastest for so many channels that this build and this machine have; see simd_level().
const SimilarityKernel& similarity_kernel(std::int64_t channels);

// Score of a query that no key has been compared with. Far below any score, yet differences to it
// stay finite.
constexpr float kNoScore = -1e30F;

extern const SimilarityKernel kSimilarityPortable;
#ifdef PETSGAN_X86_KERNELS
extern const SimilarityKernel kSimilarityAvx2;
extern const SimilarityKernel kSimilarityAvx512;
#endif
#ifdef PETSGAN_NEON_KERNELS
extern const SimilarityKernel kSimilarityNeon;
#endif
#ifdef PETSGAN_AMX_KERNELS
extern const SimilarityKernel kSimilarityAmx;
#endif

}  // namespace petsgan
