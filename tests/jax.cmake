# Adze against JAX, on the CPU: tests/jax/compare.py runs the same functions through both. JAX is in build/venv, where
# `./run jax` (and so `./run test`, where pip is to be had) puts it; without it these tests are skipped and say so.
add_executable(jax_evaluate jax/evaluate.cpp jax/functions.cpp jax/functions_nn.cpp jax/functions_optim.cpp
               jax/functions_random.cpp)
target_include_directories(jax_evaluate PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(jax_evaluate PRIVATE adze::adze adze_options)
if(ADZE_SANITIZE)
  return()  # the comparison is about numbers; what runs is tested under sanitizers elsewhere
endif()
set(ADZE_JAX_PYTHON "${PROJECT_SOURCE_DIR}/build/venv/bin/python" CACHE FILEPATH "A Python with JAX, for tests/jax")
foreach(suite ops nn random)
  add_test(NAME jax_${suite} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/jax/run.sh ${ADZE_JAX_PYTHON} compare.py ${suite}
                                     --evaluate=$<TARGET_FILE:jax_evaluate>)
  set_tests_properties(jax_${suite} PROPERTIES LABELS jax SKIP_RETURN_CODE 77)
endforeach()
if(TARGET workloads)
  add_test(NAME jax_workloads COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/jax/run.sh ${ADZE_JAX_PYTHON} workloads.py
                                      --workloads=$<TARGET_FILE:workloads>)
  set_tests_properties(jax_workloads PROPERTIES LABELS jax SKIP_RETURN_CODE 77)
endif()
