# coffer_flags: how every target of this project is compiled. Users of the installed library get
# none of it but C++20.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

add_library(coffer_flags INTERFACE)
target_compile_options(coffer_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # g++ 12 sees overlaps in "a" + std::string (GCC PR 105651)
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion -Wthread-safety>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>  # libstdc++ 12's own std::stable_sort
  $<$<BOOL:${COFFER_WERROR}>:-Werror>)

# Hardening. _FORTIFY_SOURCE needs optimisation and hides errors from the sanitizers.
target_compile_options(coffer_flags INTERFACE -fstack-protector-strong)
target_link_options(coffer_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
if(NOT COFFER_SANITIZE)
  target_compile_definitions(coffer_flags INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:_FORTIFY_SOURCE=2>)
endif()

if(COFFER_SANITIZE STREQUAL "fuzzer")
  set(coffer_sanitizers -fsanitize=fuzzer-no-link,address,undefined)
elseif(COFFER_SANITIZE)
  set(coffer_sanitizers -fsanitize=${COFFER_SANITIZE})
endif()
if(COFFER_SANITIZE)
  target_compile_options(coffer_flags INTERFACE
    ${coffer_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  string(REPLACE "fuzzer-no-link," "" coffer_sanitizers "${coffer_sanitizers}")
  target_link_options(coffer_flags INTERFACE ${coffer_sanitizers})
endif()
if(COFFER_COVERAGE)
  target_compile_options(coffer_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(coffer_flags INTERFACE -fprofile-instr-generate)
endif()

# ccache. Every source is compiled by its path through a link in the build folder, so that several
# work trees and build folders share one cache, and __FILE__ is relative to the repository.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/.src SYMBOLIC)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${PROJECT_SOURCE_DIR}/cmake/ccache-launcher ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_compile_options(coffer_flags INTERFACE -fmacro-prefix-map=.src/=)
else()
  target_compile_options(coffer_flags INTERFACE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
endif()
