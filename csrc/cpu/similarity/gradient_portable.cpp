#define PETSGAN_LANES 4
#define PETSGAN_MAX_TILE 6
#define PETSGAN_KERNEL kGradientPortable
#include "cpu/similarity/products_fp32.h"
// After the products that it uses.
#include "cpu/similarity/gradient_sweep.h"
