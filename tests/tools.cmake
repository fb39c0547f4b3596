# The tests of the tool run the built program.
if(TARGET test_tools)
  add_dependencies(test_tools adze_tool)
  target_compile_definitions(test_tools PRIVATE ADZE_TOOL="$<TARGET_FILE:adze_tool>")
endif()
