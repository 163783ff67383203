# SPDX-License-Identifier: Apache-2.0
# Language level, warnings, build types, sanitizers, ccache and mold: one place.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_DEV "-O2 -gline-tables-only")
set(CMAKE_C_FLAGS_DEV "-O2 -gline-tables-only")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_program(CCACHE ccache)
if(CCACHE)
  # pch_defines,time_macros: what ccache needs to cache files that use a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wthread-safety -Werror
                    -fno-omit-frame-pointer -fpch-instantiate-templates)
# simdjson's inlined half picks its kernel at compile time; AVX2 with carry-less multiplication is the oldest machine we run on.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-march=x86-64-v3 -mpclmul)
endif()
add_compile_definitions(KINGLET_VERSION="${PROJECT_VERSION}")
# Asio's own memory (coroutine frames, handlers) by operator new: glibc's aligned_alloc has no cache of a thread and costs five times as
# much. Nothing that Asio holds here wants more than operator new's alignment.
add_compile_definitions(BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_BOOST_ALIGN)
add_compile_definitions(BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT SPDLOG_FMT_EXTERNAL)

if(KINGLET_SANITIZE)
  add_compile_options(-fsanitize=${KINGLET_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KINGLET_SANITIZE})
endif()
if(KINGLET_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
