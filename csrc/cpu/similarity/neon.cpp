// aarch64 only: vectors of four, as in the portable build, but a register tile for 32 registers.
#define PETSGAN_LANES 4
#define PETSGAN_MAX_TILE 12
#define PETSGAN_KERNEL kSimilarityNeon
#include "cpu/similarity/products_fp32.h"
// After the products that it uses.
#include "cpu/similarity/sweep.h"
