// Compiled for AVX-512, of which it uses the further registers; runs only after a check of the
// processor.
#define PETSGAN_CORRECT_PIXEL correct_pixel_avx512
#include "cpu/place_window/loops.h"
