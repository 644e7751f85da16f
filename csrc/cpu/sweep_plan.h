// How the sweep over all similarities is cut, forwards and backwards.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/patch_reference.h"
#include "cpu/similarity/kernel.h"

namespace petsgan {

// The sizes of a sweep by a kernel of so many lanes; without maps, diagonals and state.
SimilarityTask make_task(std::int64_t height, std::int64_t width, const PackedReference& reference,
                         std::int64_t lanes, bool soft);

// First diagonals of at most `max_chunks` chunks of about equal work, and one past the last.
// Diagonals of several reference images are numbered on. Depends on the sizes only, never on the
// thread count, which makes the result independent of it.
std::vector<std::int64_t> chunk_diagonals(const SimilarityTask& task, std::int64_t images,
                                          std::int64_t max_chunks);

// Part of a chunk in one reference image: its key_scale, first_index and diagonals are set.
struct SweepPart {
  std::int64_t image;
  SimilarityTask task;
};

// The diagonals [first, last) of chunk_diagonals(), image by image.
std::vector<SweepPart> sweep_parts(const SimilarityTask& task, const PackedReference& reference,
                                   std::int64_t first, std::int64_t last);

// SimilarityTask's `steepness` and `cutoff` for queries of these inverse norms [height][width], to
// be compared with so many keys. The padding is left as it is.
void set_steepness(const SimilarityTask& task, std::int64_t keys, double temperature,
                   const std::vector<float>& inverse_norms, float* steepness, float* cutoff);

}  // namespace petsgan
