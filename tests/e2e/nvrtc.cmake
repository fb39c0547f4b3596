# The graphs of the workloads and of the examples, as the programs make them, through NVRTC for sm_80 and sm_90.
# PROGRAM: the test binary that compiles them; WORKLOADS, DIGITS: the programs.
file(REMOVE_RECURSE ${SCRATCH})
set(ENV{ADZE_DUMP} graph)
set(ENV{ADZE_CACHE_DIR} off)
function(dump name)
  file(MAKE_DIRECTORY ${SCRATCH}/${name})
  set(ENV{ADZE_DUMP_DIR} ${SCRATCH}/${name})
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${SCRATCH} RESULT_VARIABLE code OUTPUT_VARIABLE output
                  ERROR_VARIABLE errors)
  if(code)
    message(FATAL_ERROR "${ARGN}: exit code ${code}\n${output}${errors}")
  endif()
endfunction()
foreach(id W1-B64 W1-B64-adam W2-B64 W4-B1 W4-B256 W6-B256)
  dump(${id} ${WORKLOADS} --seconds 0.001 ${id})
endforeach()
dump(digits ${DIGITS} --epochs 1 --train-rows 64 --test-rows 64 --eager-steps 0)

file(GLOB_RECURSE graphs ${SCRATCH}/*.graph)
list(LENGTH graphs count)
if(count LESS 8)
  message(FATAL_ERROR "only ${count} graphs were dumped: ${graphs}")
endif()
unset(ENV{ADZE_DUMP})
set(ENV{ADZE_TEST_GRAPHS} ${SCRATCH})
execute_process(COMMAND ${PROGRAM} --gtest_filter=NvrtcGraphs.* RESULT_VARIABLE code OUTPUT_VARIABLE output
                ERROR_VARIABLE errors)
message("${output}${errors}")
math(EXPR programs "4 * ${count}")  # two architectures, two ways to launch
if(code OR NOT output MATCHES "skipped: |${programs} programs compiled")
  message(FATAL_ERROR "exit code ${code}, ${programs} programs expected")
endif()
