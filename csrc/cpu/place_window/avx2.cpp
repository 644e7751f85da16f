// Compiled with -mavx2; runs only after a check of the processor.
#define PETSGAN_CORRECT_PIXEL correct_pixel_avx2
#include "cpu/place_window/loops.h"
