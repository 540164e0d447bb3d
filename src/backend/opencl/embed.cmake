# kernels/* as hadron::embedded::KernelSources, read by opencl/program_library.cc.
hadron_embed(hadron_backend KernelSources
  "${PROJECT_SOURCE_DIR}/kernels/common.clh"
  "${PROJECT_SOURCE_DIR}/kernels/elementwise.cl"
)
