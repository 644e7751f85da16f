// Compiled with -mavx2; runs only after a check of the processor.
#define PETSGAN_CONVERT_SPAN convert_span_avx2
#include "cpu/signed_span/loops.h"
