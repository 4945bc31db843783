# The library: every source under src/, kvstore/ and drivers/ compiled once (position independent,
# hidden visibility), then linked as a shared and as a static library. Tests and the command link
# the static one, which still offers internal symbols.
file(GLOB_RECURSE coffer_sources CONFIGURE_DEPENDS
  include/coffer/*.h src/*.cc src/*.h kvstore/*.cc kvstore/*.h drivers/*.cc drivers/*.h)
file(GLOB_RECURSE coffer_testing_sources CONFIGURE_DEPENDS
  include/coffer/testing/*.h src/testing/*.cc src/testing/*.h)
if(coffer_testing_sources)
  list(REMOVE_ITEM coffer_sources ${coffer_testing_sources})
endif()
# src/base/platform_*linux.cc and platform_*posix.cc are twins, of which one is compiled.
if(COFFER_PLATFORM STREQUAL "posix")
  list(FILTER coffer_sources EXCLUDE REGEX "/platform_[a-z_]*linux\\.cc$")
else()
  list(FILTER coffer_sources EXCLUDE REGEX "/platform_[a-z_]*posix\\.cc$")
endif()

find_package(nlohmann_json 3.11 REQUIRED)

# zstd's estimate of a compressor's memory is declared only on request.
set_source_files_properties(src/base/compress.cc PROPERTIES
  COMPILE_DEFINITIONS ZSTD_STATIC_LINKING_ONLY)

add_library(coffer_objects OBJECT ${coffer_sources})
set_target_properties(coffer_objects PROPERTIES
  POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
target_include_directories(coffer_objects PRIVATE include ${PROJECT_SOURCE_DIR})
target_link_libraries(coffer_objects PRIVATE
  coffer_flags nlohmann_json::nlohmann_json ${coffer_dependencies})

add_library(coffer_shared SHARED $<TARGET_OBJECTS:coffer_objects>)
add_library(coffer_static STATIC $<TARGET_OBJECTS:coffer_objects>)
set_target_properties(coffer_shared PROPERTIES
  OUTPUT_NAME coffer EXPORT_NAME coffer LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set_target_properties(coffer_static PROPERTIES
  OUTPUT_NAME coffer EXPORT_NAME static LINKER_LANGUAGE CXX)
target_link_libraries(coffer_shared PRIVATE $<BUILD_INTERFACE:coffer_flags> ${coffer_dependencies})
target_link_libraries(coffer_static PRIVATE ${coffer_dependencies})
foreach(library coffer_shared coffer_static)
  target_compile_features(${library} PUBLIC cxx_std_20)
  target_include_directories(${library} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
add_library(coffer::coffer ALIAS coffer_shared)
add_library(coffer::static ALIAS coffer_static)

# coffer::plugin: for shared libraries that a program loads. Headers alone: coffer's symbols are
# those of the program.
add_library(coffer_plugin INTERFACE)
set_target_properties(coffer_plugin PROPERTIES EXPORT_NAME plugin)
target_compile_features(coffer_plugin INTERFACE cxx_std_20)
target_include_directories(coffer_plugin INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
add_library(coffer::plugin ALIAS coffer_plugin)

# coffer::testing: the conformance suites, for stores, codecs and drivers built outside this tree.
if((BUILD_TESTING OR COFFER_INSTALL_TESTING) AND coffer_testing_sources)
  find_package(GTest REQUIRED)
  add_library(coffer_testing STATIC ${coffer_testing_sources})
  set_target_properties(coffer_testing PROPERTIES
    EXPORT_NAME testing POSITION_INDEPENDENT_CODE ON LINKER_LANGUAGE CXX)
  target_include_directories(coffer_testing PRIVATE ${PROJECT_SOURCE_DIR} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(coffer_testing PUBLIC cxx_std_20)
  target_link_libraries(coffer_testing
    PRIVATE $<BUILD_INTERFACE:coffer_flags> PUBLIC GTest::gtest GTest::gmock)
  add_library(coffer::testing ALIAS coffer_testing)
endif()
