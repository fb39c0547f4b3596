# Programs as a user runs them.
if(TARGET digits)
  # Three epochs reach 0.90 with room to spare; the plan is within 1.10 of its lower bound.
  add_test(NAME digits COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:digits> -DSCRATCH=${PROJECT_BINARY_DIR}/e2e
                               -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/digits.cmake)
  set_tests_properties(digits PROPERTIES LABELS e2e)
  # The source made for a GPU, executed by the host; and on a GPU, where the environment names one.
  add_test(NAME digits_on_cuda_host
           COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:digits> -DSCRATCH=${PROJECT_BINARY_DIR}/e2e_cuda_host
                   -DDEVICE=cuda-host -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/digits_on.cmake)
  add_test(NAME digits_on_test_device
           COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:digits> -DSCRATCH=${PROJECT_BINARY_DIR}/e2e_device
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/digits_on.cmake)
  set_tests_properties(digits_on_cuda_host digits_on_test_device
                       PROPERTIES LABELS e2e SKIP_REGULAR_EXPRESSION "skipped: ")
endif()
if(TARGET nano_gpt)
  add_test(NAME nano_gpt COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:nano_gpt>
                                 -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/nano_gpt.cmake)
  set_tests_properties(nano_gpt PROPERTIES LABELS e2e)
endif()
if(TARGET char_rnn)
  add_test(NAME char_rnn COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:char_rnn>
                                 -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/char_rnn.cmake)
  set_tests_properties(char_rnn PROPERTIES LABELS e2e)
endif()
if(TARGET pinn)
  add_test(NAME pinn COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:pinn> -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/pinn.cmake)
  set_tests_properties(pinn PROPERTIES LABELS e2e)
endif()
if(TARGET workloads)
  add_test(NAME workloads COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:workloads>
                                  -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/workloads.cmake)
  set_tests_properties(workloads PROPERTIES LABELS e2e)
endif()
# The frontend's tests once more, with everything that runs on a device on this one.
if(TARGET test_frontend AND NOT ADZE_SANITIZE)
  add_test(NAME frontend_on_cuda_host COMMAND test_frontend)
  # Left out: what runs many different ops one by one, each of which takes the C++ compiler half a second.
  set(eager "Dtypes.PromotionIsJaxs:Nesting.*:Einsum.*:ElementaryOps.*:RandomJax.*:Losses.*:Init.*:Activations.*")
  set_tests_properties(frontend_on_cuda_host PROPERTIES LABELS e2e
                       ENVIRONMENT "ADZE_TEST_DEVICE=cuda-host;GTEST_FILTER=-${eager}")
endif()
if(TARGET workloads AND TARGET digits AND TARGET test_codegen AND ADZE_LLVM)
  add_test(NAME nvrtc_workloads
           COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:test_codegen> -DWORKLOADS=$<TARGET_FILE:workloads>
                   -DDIGITS=$<TARGET_FILE:digits> -DSCRATCH=${PROJECT_BINARY_DIR}/e2e_nvrtc
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/e2e/nvrtc.cmake)
  set_tests_properties(nvrtc_workloads PROPERTIES LABELS e2e SKIP_REGULAR_EXPRESSION "skipped: ")
endif()
