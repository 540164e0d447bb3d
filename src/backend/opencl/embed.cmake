# kernels/* as hadron::embedded::KernelSources, read by opencl/program_library.cc.
file(GLOB HADRON_KERNEL_FILES CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/kernels/*.cl" "${PROJECT_SOURCE_DIR}/kernels/*.clh")
hadron_embed(hadron_backend KernelSources ${HADRON_KERNEL_FILES})
