// Compiled with -mavx2 -mfma; runs only after a check of the processor.
#define PETSGAN_LANES 4
#define PETSGAN_NOISE_ROW noise_row_avx2
#include "cpu/noise_row/vectors.h"
