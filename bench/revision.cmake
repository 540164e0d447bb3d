# cmake -DSOURCE=... -DOUT=... -DCOMMIT=... -P revision.cmake   writes what the results say was measured
#
# At build time, because a configured tree outlives commits. COMMIT, where given, is for sources that
# are not a checkout.
cmake_minimum_required(VERSION 3.25)
set(dirty false)
find_package(Git QUIET)
if(NOT COMMIT AND GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    set(dirty true)
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#pragma once

namespace hadron::bench {

inline constexpr const char* kCommit = \"@COMMIT@\";  // empty: unknown
inline constexpr bool kDirty = @dirty@;

}  // namespace hadron::bench
" @ONLY)
