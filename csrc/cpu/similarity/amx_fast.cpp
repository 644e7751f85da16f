// As amx.cpp, with two of the three parts.
#define PETSGAN_LANES 16
#define PETSGAN_PARTS 2
#define PETSGAN_KERNEL kSimilarityAmxFast
#include "cpu/similarity/products_amx.h"
// After the products that it uses.
#include "cpu/similarity/sweep.h"
