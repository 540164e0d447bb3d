#pragma once

#include "backend/native/vector_kernels.h"

namespace hadron::backend::native {

/// The vector kernels for this machine, chosen once: the widest instruction set that the processor
/// has and the environment variable DNNL_MAX_CPU_ISA allows (as for oneDNN; SSE41,
/// AVX, AVX2 and the AVX512 family). Immutable, thread-safe.
const VectorKernels& Vector();

}  // namespace hadron::backend::native
