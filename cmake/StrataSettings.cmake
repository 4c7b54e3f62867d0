# What every target shares: language, warnings, floating-point rules, sanitizers, where outputs go.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)

# One layout for the build tree and the install tree: programs in bin/, the library in lib/ beside its
# glibc-hwcaps/ folders, so that "$ORIGIN/../lib" holds in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/archive)

# Everything of ours, tests and programs included.
add_library(strata_common INTERFACE)
target_compile_options(strata_common INTERFACE -Wall -Wextra -Wpedantic -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105651: a false alarm on every  "text" + std::string.
  target_compile_options(strata_common INTERFACE -Wno-restrict)
endif()
if(STRATA_WERROR)
  target_compile_options(strata_common INTERFACE -Werror)
endif()
if(STRATA_SANITIZE)
  target_compile_options(strata_common INTERFACE
    -fsanitize=${STRATA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC bug 105562: with sanitizers on, it takes std::regex and std::function for uninitialized.
    target_compile_options(strata_common INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_link_options(strata_common INTERFACE -fsanitize=${STRATA_SANITIZE})
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(strata_common INTERFACE _GLIBCXX_ASSERTIONS)
endif()
find_package(Threads REQUIRED)
target_link_libraries(strata_common INTERFACE Threads::Threads)

# The code that parses what files hold, in a build for libFuzzer (tests/fuzz). The rest is compiled as in the preset `debug`,
# so that ccache has it.
set(STRATA_FUZZED_FOLDERS core/base data models)
add_library(strata_fuzzed_code INTERFACE)
target_compile_options(strata_fuzzed_code INTERFACE -fsanitize=fuzzer-no-link)

# The library: no errno and no trapping from mathematics, so that loops vectorize; contraction is said
# outright because the compilers' defaults differ; never -ffast-math. Inline functions are hidden too, or
# a program that instantiates the same template would replace the library's code by its own.
add_library(strata_library_flags INTERFACE)
target_link_libraries(strata_library_flags INTERFACE strata_common)
target_compile_options(strata_library_flags INTERFACE
  -fno-math-errno -fno-trapping-math -ffp-contract=fast
  -fvisibility=hidden -fvisibility-inlines-hidden -fno-semantic-interposition)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # The template behind all elementwise loops says that iterations are independent; Clang warns wherever it
  # still finds no vector form (libm's double functions, divisions of integers).
  target_compile_options(strata_library_flags INTERFACE -Wno-pass-failed)
endif()
target_include_directories(strata_library_flags INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
