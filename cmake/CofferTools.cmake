# The coffer command over the static library, so that the binary stands alone.
#   tools/formats/*.cc          coffer_formats: the file formats that the command imports and exports
#   tools/coffer/**/*.cc        coffer_tool: the commands (what unit tests of the tool link)
#   tools/coffer/main.cc        the binary
# All with hidden visibility: what the binary exports for plugins is the library's API alone.
file(GLOB coffer_format_sources CONFIGURE_DEPENDS tools/formats/*.cc tools/formats/*.h)
if(coffer_format_sources)
  pkg_check_modules(coffer_zip REQUIRED QUIET IMPORTED_TARGET libzip)
  pkg_check_modules(coffer_png REQUIRED QUIET IMPORTED_TARGET libpng)
  add_library(coffer_formats STATIC ${coffer_format_sources})
  set_target_properties(coffer_formats PROPERTIES LINKER_LANGUAGE CXX
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(coffer_formats PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(coffer_formats PUBLIC coffer_static
    PRIVATE PkgConfig::coffer_zip PkgConfig::coffer_png PkgConfig::coffer_zlib coffer_flags)
endif()

file(GLOB_RECURSE coffer_tool_sources CONFIGURE_DEPENDS tools/coffer/*.cc tools/coffer/*.h)
if(coffer_tool_sources)
  find_package(CLI11 REQUIRED)
  set(coffer_tool_library_sources ${coffer_tool_sources})
  list(FILTER coffer_tool_library_sources EXCLUDE REGEX "/main\\.cc$")
  add_library(coffer_tool STATIC ${coffer_tool_library_sources})
  set_target_properties(coffer_tool PROPERTIES LINKER_LANGUAGE CXX
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(coffer_tool PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(coffer_tool PUBLIC coffer_formats CLI11::CLI11 PRIVATE coffer_flags)
  # Plugins bind to the library that is in the command: it is linked whole, and exports its API.
  add_executable(coffer_command tools/coffer/main.cc $<TARGET_OBJECTS:coffer_objects>)
  set_target_properties(coffer_command PROPERTIES OUTPUT_NAME coffer ENABLE_EXPORTS ON)
  target_link_libraries(coffer_command PRIVATE coffer_tool coffer_flags ${CMAKE_DL_LIBS})
  install(TARGETS coffer_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
