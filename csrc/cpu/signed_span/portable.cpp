#define PETSGAN_CONVERT_SPAN convert_span_portable
#include "cpu/signed_span/loops.h"
