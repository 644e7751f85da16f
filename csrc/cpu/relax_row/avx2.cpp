// Compiled with -mavx2; runs only after a check of the processor.
#define PETSGAN_RELAX_ROW relax_row_avx2
#include "cpu/relax_row/loops.h"
