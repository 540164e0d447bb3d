// The vector kernels for "avx512"; compiled with the options in sources.cmake.
#define HADRON_ISA_TABLE kAvx512Kernels
#define HADRON_ISA_NAME "avx512"
#include "backend/native/isa_rows.inc"
