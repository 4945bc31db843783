# The libraries that coffer stands on, as imported targets, and nothing else. The installed package
# includes this file, too: a static coffer needs its dependencies at link time.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(BZip2 REQUIRED)  # Debian's has no pkg-config file.
set(coffer_pkgconfig_modules
  libzstd blosc liblz4 libdeflate zlib libisal liblzma libcurl expat libcrypto)
set(coffer_dependencies Threads::Threads BZip2::BZip2)
foreach(module IN LISTS coffer_pkgconfig_modules)
  string(REGEX REPLACE "^lib" "" name ${module})
  pkg_check_modules(coffer_${name} REQUIRED QUIET IMPORTED_TARGET GLOBAL ${module})
  list(APPEND coffer_dependencies PkgConfig::coffer_${name})
endforeach()
