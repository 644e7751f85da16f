// Compiled with -mavx512f and its kin; runs only after a check of the processor.
#define PETSGAN_CONVERT_SPAN convert_span_avx512
#include "cpu/signed_span/loops.h"
