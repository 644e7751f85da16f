// Compiled with -mavx512f and relatives; runs only after a check of the processor.
#define PETSGAN_LANES 16
#define PETSGAN_MAX_TILE 12
#define PETSGAN_KERNEL kSimilarityAvx512Fast
#include "cpu/similarity/products_int16.h"
// After the products that it uses.
#include "cpu/similarity/sweep.h"
