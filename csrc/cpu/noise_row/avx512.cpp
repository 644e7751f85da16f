// Compiled with -mavx512f and its kin; runs only after a check of the processor.
#define PETSGAN_LANES 8
#define PETSGAN_NOISE_ROW noise_row_avx512
#include "cpu/noise_row/vectors.h"
