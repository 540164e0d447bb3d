set(HADRON_OPENCL_BACKEND_SOURCES
    opencl/broadcast.cc
    opencl/elementwise.cc
    opencl/program_library.cc
    opencl/register.cc
)
