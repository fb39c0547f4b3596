# Rules about the tree itself.
add_test(NAME format COMMAND ${PROJECT_SOURCE_DIR}/run format-check)
add_test(NAME layering COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
                               -P ${CMAKE_CURRENT_SOURCE_DIR}/rules/layering.cmake)
add_test(NAME public_headers COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
                                     -DCXX=${CMAKE_CXX_COMPILER} -DBOOST=${Boost_INCLUDE_DIRS}
                                     -P ${CMAKE_CURRENT_SOURCE_DIR}/rules/public_headers.cmake)
set_tests_properties(format layering public_headers PROPERTIES LABELS rules)
if(NOT ADZE_SANITIZE)
  add_test(NAME consumer COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
                                 -DBINARY_DIR=${PROJECT_BINARY_DIR} -DCXX=${CMAKE_CXX_COMPILER}
                                 -P ${CMAKE_CURRENT_SOURCE_DIR}/rules/consumer.cmake)
  set_tests_properties(consumer PROPERTIES LABELS rules)
endif()
