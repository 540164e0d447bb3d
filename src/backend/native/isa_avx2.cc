// The vector kernels for "avx2"; compiled with the options in sources.cmake.
#define HADRON_ISA_TABLE kAvx2Kernels
#define HADRON_ISA_NAME "avx2"
#include "backend/native/isa_rows.inc"
