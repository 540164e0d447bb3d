#include "backend/native/isa.h"

#include <cstdlib>
#include <string_view>

namespace hadron::backend::native {
namespace {

const VectorKernels& Choose() {
#if defined(__x86_64__)
  const char* bound = std::getenv("DNNL_MAX_CPU_ISA");
  const std::string_view most = bound == nullptr ? "" : bound;
  if (most == "SSE41" || most == "AVX") return kGenericKernels;
  const bool below_512 = most == "AVX2" || most == "AVX2_VNNI";
  if (!below_512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return kAvx512Kernels;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kAvx2Kernels;
#endif
  return kGenericKernels;
}

}  // namespace

const VectorKernels& Vector() {
  static const VectorKernels& kernels = Choose();
  return kernels;
}

}  // namespace hadron::backend::native
