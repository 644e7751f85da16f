// Compiled with -mamx-tile, -mamx-bf16 and the AVX-512 flags; runs only after a check of the
// processor and with leave of the operating system.
#define PETSGAN_LANES 16
#define PETSGAN_KERNEL kSimilarityAmx
#include "cpu/similarity/products_amx.h"
// After the products that it uses.
#include "cpu/similarity/sweep.h"
