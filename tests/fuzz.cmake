# Random programs: fuzz/main.cpp, `./run fuzz`.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*.cpp)
find_package(CLI11 REQUIRED)
add_executable(fuzz ${sources})
target_include_directories(fuzz PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_include_directories(fuzz SYSTEM PRIVATE ${XXHASH_INCLUDE_DIR})
target_link_libraries(fuzz PRIVATE adze::adze adze_options fmt::fmt CLI11::CLI11 GTest::gtest)
target_compile_options(fuzz PRIVATE -O0)  # what takes time is in the library
