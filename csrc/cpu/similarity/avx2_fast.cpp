// Compiled with -mavx2 -mfma; runs only after a check of the processor.
#define PETSGAN_LANES 8
#define PETSGAN_MAX_TILE 6
#define PETSGAN_KERNEL kSimilarityAvx2Fast
#include "cpu/similarity/products_int16.h"
// After the products that it uses.
#include "cpu/similarity/sweep.h"
