# The three house functions of the build, and the compile flags everything shares.
#
#   hadron_proto(NAME FILES a.proto ... [GRPC])      generated library hadron_proto_NAME
#   hadron_library(FOLDER SOURCES ... DEPS ... [LINK ...])  library hadron_FOLDER, alias hadron::FOLDER
#   hadron_embed(TARGET VARIABLE files...)           files as string constants of a generated source
#   hadron_test(FOLDER SOURCES ... DEPS ...)         one test program per folder, label 'unit'

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths relative to the tree: a second clone finds what the first one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
      CCACHE_NOHASHDIR=true "${CCACHE_PROGRAM}")
endif()

add_library(hadron_flags INTERFACE)
target_compile_options(hadron_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast)
if(HADRON_WERROR)
  target_compile_options(hadron_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(hadron_flags INTERFACE -Wthread-safety -Werror=thread-safety)
endif()

# The sanitizers are global: a library built without them would hide its half of a race.
# 'null', 'alignment', 'vptr' and 'object-size' double the build time and found nothing that the
# remaining ones missed; the folders that parse foreign bytes keep them (HADRON_STRICT_UBSAN).
if(HADRON_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null,alignment,vptr,object-size
                      -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(HADRON_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  include_directories(SYSTEM "${CMAKE_CURRENT_SOURCE_DIR}/tests/sanitizers/tsan_headers")
elseif(HADRON_SANITIZE)
  message(FATAL_ERROR "HADRON_SANITIZE: '${HADRON_SANITIZE}' is not 'address' or 'thread'")
endif()
if(HADRON_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

function(hadron_proto name)
  cmake_parse_arguments(ARG "GRPC" "" "FILES" ${ARGN})
  set(out "${CMAKE_CURRENT_BINARY_DIR}/gen")
  file(MAKE_DIRECTORY "${out}")
  set(generated)
  foreach(file IN LISTS ARG_FILES)
    get_filename_component(stem "${file}" NAME_WE)
    set(sources "${out}/${stem}.pb.cc" "${out}/${stem}.pb.h")
    set(plugin)
    if(ARG_GRPC)
      list(APPEND sources "${out}/${stem}.grpc.pb.cc" "${out}/${stem}.grpc.pb.h")
      set(plugin "--grpc_out=${out}" "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>")
    endif()
    add_custom_command(
      OUTPUT ${sources}
      COMMAND protobuf::protoc "--cpp_out=${out}" ${plugin} -I "${CMAKE_CURRENT_SOURCE_DIR}"
              "${CMAKE_CURRENT_SOURCE_DIR}/${file}"
      DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}"
      COMMENT "protoc ${file}" VERBATIM)
    list(APPEND generated ${sources})
  endforeach()
  add_library(hadron_proto_${name} STATIC ${generated})
  set_target_properties(hadron_proto_${name} PROPERTIES CXX_CLANG_TIDY "")  # nobody's style
  target_include_directories(hadron_proto_${name} SYSTEM PUBLIC "${out}")
  target_link_libraries(hadron_proto_${name} PUBLIC protobuf::libprotobuf)
  if(ARG_GRPC)
    target_link_libraries(hadron_proto_${name} PUBLIC gRPC::grpc++)
  endif()
endfunction()

function(hadron_library folder)
  cmake_parse_arguments(ARG "STRICT_UBSAN" "" "SOURCES;DEPS;LINK" ${ARGN})
  add_library(hadron_${folder} STATIC ${ARG_SOURCES})
  add_library(hadron::${folder} ALIAS hadron_${folder})
  target_include_directories(hadron_${folder} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(hadron_${folder} PRIVATE hadron_flags ${ARG_LINK})
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(hadron_${folder} PUBLIC hadron::${dep})
  endforeach()
  if(ARG_STRICT_UBSAN AND HADRON_SANITIZE STREQUAL "address")
    target_compile_options(hadron_${folder} PRIVATE -fsanitize=null,alignment,object-size)
  endif()
endfunction()

function(hadron_embed target variable)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/${variable}.cc")
  set(files)
  foreach(file IN LISTS ARGN)
    get_filename_component(absolute "${file}" ABSOLUTE)
    list(APPEND files "${absolute}")
  endforeach()
  add_custom_command(
    OUTPUT "${out}"
    COMMAND ${CMAKE_COMMAND} "-DOUT=${out}" "-DVARIABLE=${variable}" "-DFILES=${files}"
            -P "${PROJECT_SOURCE_DIR}/src/embed.cmake"
    DEPENDS ${files} "${PROJECT_SOURCE_DIR}/src/embed.cmake"
    COMMENT "embed ${variable}" VERBATIM)
  target_sources(${target} PRIVATE "${out}")
endfunction()

function(hadron_test folder)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS;LINK" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${folder}_test ${ARG_SOURCES})
  target_include_directories(${folder}_test PRIVATE "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${folder}_test PRIVATE hadron_flags GTest::gtest_main GTest::gmock ${ARG_LINK})
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(${folder}_test PRIVATE hadron::${dep})
  endforeach()
  # Tests run in the top of the tree (so that no absolute path gets into the compiler's cache key).
  target_compile_definitions(${folder}_test PRIVATE HADRON_SOURCE_DIR=".")
  if(HADRON_UNITY)
    set_target_properties(${folder}_test PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
  add_test(NAME ${folder}_test COMMAND ${folder}_test WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${folder}_test PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
