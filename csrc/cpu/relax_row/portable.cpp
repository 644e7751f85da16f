#define PETSGAN_RELAX_ROW relax_row_portable
#include "cpu/relax_row/loops.h"
