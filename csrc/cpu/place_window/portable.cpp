#define PETSGAN_CORRECT_PIXEL correct_pixel_portable
#include "cpu/place_window/loops.h"
