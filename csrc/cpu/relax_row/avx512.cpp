// Compiled for AVX-512; runs only after a check of the processor.
#define PETSGAN_RELAX_ROW relax_row_avx512
#include "cpu/relax_row/loops.h"
