// The overlap average backwards: from the gradient of the result to those of the weights and of the
// value patches. With v a vote's value and r the result, the weight of a patch moves a pixel that
// it votes on by (v - r) / votes, or by v / votes where the divisor does not depend on the weights.
#pragma once

#include "cpu/patch_fold.h"

namespace petsgan {

// Fills the rows [first, last) of `votes` [height][width][channels + 1]: what one unit of a vote
// for the pixel and channel is worth, and last what a unit of weight costs through the divisor,
// negated. In the dot product with an interleaved value, whose last number is 1, both come
// together. `gradient` is [channels][height][width]; the task's `out` is not used.
void vote_gradient_rows(const FoldTask& task, const float* gradient, std::int64_t first,
                        std::int64_t last, float* votes);

// Adds to the rows [first, last) of `to_weight` [height][width] from all of `votes`.
void weight_gradient_rows(const FoldTask& task, const float* votes, std::int64_t first,
                          std::int64_t last, float* to_weight);

// Adds to the rows [first, last) of `to_values`, interleaved as `values` are and rows of all images
// numbered on, from all of `votes`. Its last channel is of no use.
void value_gradient_rows(const FoldTask& task, const float* votes, std::int64_t first,
                         std::int64_t last, double* to_values);

}  // namespace petsgan
