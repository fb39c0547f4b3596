# adze_embed(TARGET NAME FILE): adze::NAME, a std::string_view of the file's text (codegen/cuda/embedded.h).
function(adze_embed target name file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} text)
  set(output ${PROJECT_BINARY_DIR}/embedded/${name}.cpp)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[
#include "codegen/cuda/embedded.h"
namespace adze {
const std::string_view @name@ = R"adze(@text@)adze";
}
]])
  target_sources(${target} PRIVATE ${output})
endfunction()
