# A new scalar instruction is one row of ir/scalar_ops.def. The test adds a row to a copy of the table and compiles the
# files that read the table with it; no file of a back end changes.
set(table ${CMAKE_CURRENT_BINARY_DIR}/new_scalar_op/ir/scalar_ops.def)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ir/scalar_ops.def)
file(READ ${PROJECT_SOURCE_DIR}/ir/scalar_ops.def rows)
file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [[
@rows@
ADZE_SCALAR_OP(logb, 1, same, kFloats, 40, "libm:logb", "logb({0})", std::logb(a))
]])

# They come before the library's own, which are then not linked.
set(readers ir/loop_exprs.cpp ir/scalar_eval.cpp codegen/cuda/scalar_text.cpp)
if(ADZE_LLVM)
  list(APPEND readers codegen/llvm/scalar_printer.cpp)
endif()
list(TRANSFORM readers PREPEND ${PROJECT_SOURCE_DIR}/)
add_executable(test_new_scalar_op new_scalar_op/new_scalar_op_test.cpp ${readers})
target_include_directories(test_new_scalar_op BEFORE PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/new_scalar_op)
target_include_directories(test_new_scalar_op SYSTEM PRIVATE ${XXHASH_INCLUDE_DIR})
if(ADZE_LLVM)
  target_include_directories(test_new_scalar_op SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
endif()
target_link_libraries(test_new_scalar_op PRIVATE adze::adze adze_options fmt::fmt
                                                 GTest::gtest_main Threads::Threads)
add_test(NAME new_scalar_op COMMAND test_new_scalar_op)
set_tests_properties(new_scalar_op PROPERTIES LABELS codegen)
