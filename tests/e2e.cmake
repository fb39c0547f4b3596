# Programs as a user runs them.
if(TARGET digits)
  # Three epochs reach 0.90 with room to spare; the plan is within 1.10 of its lower bound.
  add_test(NAME digits COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:digits> -DSCRATCH=${PROJECT_BINARY_DIR}/e2e
                               -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/digits.cmake)
  set_tests_properties(digits PROPERTIES LABELS e2e)
endif()
if(TARGET workloads)
  add_test(NAME workloads COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:workloads>
                                  -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/workloads.cmake)
  set_tests_properties(workloads PROPERTIES LABELS e2e)
endif()
