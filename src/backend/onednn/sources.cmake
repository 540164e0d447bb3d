# The native CPU path. The isa_*.cc files are the same loops compiled for three instruction sets;
# they are always optimised, in debug builds too, and may fuse a multiplication with an addition.
set(HADRON_ONEDNN_SOURCES
    onednn/binary.cc
    onednn/conv.cc
    onednn/direct_plan.cc
    onednn/elementwise.cc
    onednn/gemm.cc
    onednn/host_kernel.cc
    onednn/isa.cc
    onednn/isa_generic.cc
    onednn/movement.cc
    onednn/pool.cc
    onednn/register.cc
    onednn/reorder.cc
    onednn/resize.cc
    onednn/rows.cc
    onednn/steps.cc
    onednn/strided.cc
    onednn/team.cc
    onednn/trees.cc
    onednn/winograd_plan.cc
)
set(isa_options -O3 -ffp-contract=fast -fno-math-errno)
set_source_files_properties(onednn/isa_generic.cc PROPERTIES COMPILE_OPTIONS "${isa_options}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND HADRON_ONEDNN_SOURCES onednn/isa_avx2.cc onednn/isa_avx512.cc)
  set_source_files_properties(onednn/isa_avx2.cc PROPERTIES
    COMPILE_OPTIONS "${isa_options};-mavx2;-mfma")
  set_source_files_properties(onednn/isa_avx512.cc PROPERTIES
    COMPILE_OPTIONS "${isa_options};-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mfma")
endif()
