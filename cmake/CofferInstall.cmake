# cmake --install: every public header, both libraries, the CMake package and coffer.pc. The result
# may be moved: nothing in it names the prefix.
include(CMakePackageConfigHelpers)
set(coffer_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/coffer)

install(DIRECTORY include/coffer DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "testing" EXCLUDE)
if(TARGET coffer_testing)
  install(DIRECTORY include/coffer/testing DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/coffer
    FILES_MATCHING PATTERN "*.h")
endif()
foreach(kind shared static plugin testing)
  if(TARGET coffer_${kind})
    install(TARGETS coffer_${kind} EXPORT coffer-${kind})
    install(EXPORT coffer-${kind} NAMESPACE coffer:: DESTINATION ${coffer_cmake_dir})
  endif()
endforeach()

configure_package_config_file(cmake/coffer-config.cmake.in coffer-config.cmake
  INSTALL_DESTINATION ${coffer_cmake_dir})
write_basic_package_version_file(coffer-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/coffer-config.cmake
  ${PROJECT_BINARY_DIR}/coffer-config-version.cmake cmake/CofferDependencies.cmake
  DESTINATION ${coffer_cmake_dir})

file(RELATIVE_PATH coffer_pc_prefix
  /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" coffer_pc_prefix "${coffer_pc_prefix}")
# Not libcurl: a static link by pkg-config would ask for all that a static libcurl needs.
list(FILTER coffer_pkgconfig_modules EXCLUDE REGEX "^libcurl$")
list(JOIN coffer_pkgconfig_modules ", " coffer_pc_requires)
configure_file(cmake/coffer.pc.in coffer.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/coffer.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
