# The native CPU path. The isa_*.cc files are the same loops compiled for three instruction sets;
# they are always optimised, in debug builds too, and may fuse a multiplication with an addition.
set(HADRON_NATIVE_SOURCES
    native/binary.cc
    native/conv.cc
    native/direct_plan.cc
    native/elementwise.cc
    native/gemm.cc
    native/host_kernel.cc
    native/isa.cc
    native/isa_generic.cc
    native/line_plan.cc
    native/movement.cc
    native/pool.cc
    native/register.cc
    native/reorder.cc
    native/resize.cc
    native/rows.cc
    native/steps.cc
    native/strided.cc
    native/team.cc
    native/trees.cc
    native/winograd_plan.cc
)
set(isa_options -O3 -ffp-contract=fast -fno-math-errno)
set_source_files_properties(native/isa_generic.cc PROPERTIES COMPILE_OPTIONS "${isa_options}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND HADRON_NATIVE_SOURCES native/isa_avx2.cc native/isa_avx512.cc)
  set_source_files_properties(native/isa_avx2.cc PROPERTIES
    COMPILE_OPTIONS "${isa_options};-mavx2;-mfma")
  set_source_files_properties(native/isa_avx512.cc PROPERTIES
    COMPILE_OPTIONS "${isa_options};-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mfma")
endif()
