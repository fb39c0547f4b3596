# Tests on text: every tests/filecheck/**/*.adze is one CTest test (label `filecheck`), run by filecheck/run.sh.
#
# A case is an .adze file whose comments say what to run and what must come out:
#
#   // RUN: adze print %s --emit=groups | FileCheck %s
#   // CHECK-COUNT-2: group
#   // CHECK-NOT: group
#   func @f(%x: f32[4]) -> f32[4] { ... }
#
# RUN lines are bash, run in order, stopping at the first failure (also inside a pipe); a trailing \ continues a
# line. In them `adze` is the built tool, `FileCheck` is FileCheck-19, %s the case itself, %t a scratch directory of
# the case; `exits 3 adze print bad.adze` passes when the exit code is 3, and sends the errors to its standard output.
# ADZE_* variables are unset: give --cpu where the text depends on the machine.
#
# By hand: tests/filecheck/run.sh build/debug/tools/adze FileCheck-19 tests/filecheck/print/round_trip.adze
find_program(ADZE_FILECHECK NAMES FileCheck-19 FileCheck HINTS ${LLVM_TOOLS_BINARY_DIR})
if(NOT ADZE_FILECHECK)
  if(ADZE_LLVM)
    message(FATAL_ERROR "FileCheck was not found; it comes with LLVM's tools (llvm-19-tools)")
  endif()
  message(STATUS "FileCheck not found: the tests on text (tests/filecheck) are left out")
  return()
endif()
file(GLOB_RECURSE cases CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/filecheck
     ${CMAKE_CURRENT_SOURCE_DIR}/filecheck/*.adze)
if(NOT ADZE_LLVM)
  list(FILTER cases EXCLUDE REGEX "^emit/")  # the text that codegen/llvm/ makes
endif()
foreach(case ${cases})
  add_test(NAME filecheck/${case}
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/filecheck/run.sh $<TARGET_FILE:adze_tool> ${ADZE_FILECHECK}
                   ${CMAKE_CURRENT_SOURCE_DIR}/filecheck/${case})
  set_tests_properties(filecheck/${case} PROPERTIES LABELS filecheck)
endforeach()
