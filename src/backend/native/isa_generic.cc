// The vector kernels for "generic"; compiled with the options in sources.cmake.
#define HADRON_ISA_TABLE kGenericKernels
#define HADRON_ISA_NAME "generic"
#include "backend/native/isa_rows.inc"
