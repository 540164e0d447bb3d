# hadron_server_test(MODULE LABEL label TIMEOUT seconds): a Python test module below tests/ that
# starts the server of this build. It runs in build/venv; without one it fails and says what to do.
# A sanitizer makes the server about ten times as slow: the tests stretch their deadlines by that.
function(hadron_server_test module)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "" ${ARGN})
  set(slowdown 1)
  if(HADRON_SANITIZE)
    set(slowdown 10)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")
  endif()
  string(REGEX REPLACE "^.*\\." "" name ${module})
  add_test(NAME ${name}
    COMMAND python3 integration/in_venv.py -m ${module} -v
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}/tests")
  set_tests_properties(${name} PROPERTIES
    LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "HADRON_BINARY=$<TARGET_FILE:hadron>;HADRON_TEST_SLOWDOWN=${slowdown}")
endfunction()
