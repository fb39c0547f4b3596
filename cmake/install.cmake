# install() and find_package(adze): the static library, the public headers, the config.
include(CMakePackageConfigHelpers)

install(TARGETS adze EXPORT adzeTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY frontend/adze DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/adze FILES_MATCHING PATTERN "*.h")
# What the public headers include from below; a test compiles against the install tree, so the list stays true.
install(FILES ir/attributes.h ir/errors.h ir/graph.h ir/half.h ir/literal.h ir/location.h ir/text.h ir/types.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/adze/ir)
install(FILES runtime/device.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/adze/runtime)
install(EXPORT adzeTargets NAMESPACE adze:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/adze)
configure_package_config_file(cmake/adzeConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/adzeConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/adze)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/adzeConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/adzeConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/adzeConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/adze)
