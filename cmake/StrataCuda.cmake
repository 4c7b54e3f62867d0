# CUDA: whether there is any, where it lies, and how .cu files are compiled.
#
# STRATA_CUDA: auto takes the toolkit where one is found, on demands it, off builds for the processor alone. `emulated` is for
# tests: the .cu files are compiled as C++ for a GPU that is emulated on the processor (core/device/cuda_runtime_emulated.cpp).
set(STRATA_CUDA "auto" CACHE STRING "CUDA: auto (taken where found), on (required), off, emulated (for tests)")
set_property(CACHE STRATA_CUDA PROPERTY STRINGS auto on off emulated)
set(STRATA_CUDA_ARCHITECTURES "75;80;86;89;90;120" CACHE STRING
    "Compute capabilities to compile kernels for; the newest also as PTX, for GPUs that come later")
if(NOT STRATA_CUDA MATCHES "^(auto|on|off|emulated)$")
  message(FATAL_ERROR "STRATA_CUDA: expected auto, on, off or emulated; received '${STRATA_CUDA}'")
endif()

# STRATA_CUDA_BACKEND: cuda, emulated or none: which core/device/cuda_runtime*.cpp is linked.
set(STRATA_CUDA_BACKEND none)
if(STRATA_CUDA STREQUAL "emulated")
  set(STRATA_CUDA_BACKEND emulated)
  message(STATUS "Strata: a GPU emulated on the processor, for tests (STRATA_CUDA=emulated)")
elseif(STRATA_CUDA STREQUAL "off")
  message(STATUS "Strata: CUDA not used (STRATA_CUDA=off)")
else()
  find_program(STRATA_NVCC nvcc
    HINTS ${PROJECT_SOURCE_DIR}/build/cuda-toolkit ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(STRATA_NVCC)
  if(STRATA_NVCC)
    set(STRATA_CUDA_BACKEND cuda)
  elseif(STRATA_CUDA STREQUAL "on")
    message(FATAL_ERROR "STRATA_CUDA=on: nvcc was not found in PATH, CUDA_HOME, CUDA_PATH, /usr/local/cuda or build/cuda-toolkit. "
      "tools/setup_cuda.sh fetches the toolkit from PyPI into build/cuda-toolkit")
  else()
    message(STATUS "Strata: no CUDA toolkit found; kernels for the processor only (tools/setup_cuda.sh fetches one)")
  endif()
endif()

if(STRATA_CUDA_BACKEND STREQUAL "cuda")
  set(CMAKE_CUDA_COMPILER ${STRATA_NVCC})
  set(CMAKE_CUDA_ARCHITECTURES ${STRATA_CUDA_ARCHITECTURES})
  list(TRANSFORM CMAKE_CUDA_ARCHITECTURES APPEND "-real")
  list(GET STRATA_CUDA_ARCHITECTURES -1 newest)
  list(APPEND CMAKE_CUDA_ARCHITECTURES ${newest}-virtual)
  if(NOT CMAKE_CUDA_HOST_COMPILER AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25, Debian 12's, does not know that nvcc has C++20
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  # strata::cudnn: headers only, those of cuDNN and of cudnn-frontend.
  find_path(STRATA_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  if(NOT STRATA_CUDNN_INCLUDE)
    message(FATAL_ERROR "STRATA_CUDA: cuDNN's headers (cudnn.h) were not found beside CUDA's in ${CUDAToolkit_INCLUDE_DIRS}. "
      "STRATA_CUDA=off builds without CUDA; tools/setup_cuda.sh fetches a toolkit that has them")
  endif()
  find_path(STRATA_CUDNN_FRONTEND_INCLUDE cudnn_frontend.h
    HINTS ${PROJECT_BINARY_DIR}/cudnn-frontend/include ${CUDAToolkit_INCLUDE_DIRS})
  if(NOT STRATA_CUDNN_FRONTEND_INCLUDE)
    execute_process(COMMAND ${PROJECT_SOURCE_DIR}/cmake/fetch_cudnn_frontend.sh ${PROJECT_BINARY_DIR}/cudnn-frontend
                    RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "STRATA_CUDA: the headers of cudnn-frontend could not be fetched (see above)")
    endif()
    set(STRATA_CUDNN_FRONTEND_INCLUDE ${PROJECT_BINARY_DIR}/cudnn-frontend/include CACHE PATH "" FORCE)
  endif()
  mark_as_advanced(STRATA_CUDNN_INCLUDE STRATA_CUDNN_FRONTEND_INCLUDE)
  add_library(strata_cudnn INTERFACE)
  target_include_directories(strata_cudnn SYSTEM INTERFACE ${STRATA_CUDNN_FRONTEND_INCLUDE} ${STRATA_CUDNN_INCLUDE})
  target_link_libraries(strata_cudnn INTERFACE ${CMAKE_DL_LIBS})
  add_library(strata::cudnn ALIAS strata_cudnn)

  message(STATUS "Strata: CUDA ${CUDAToolkit_VERSION} from ${CUDAToolkit_TARGET_DIR}, for ${STRATA_CUDA_ARCHITECTURES}")
endif()
if(STRATA_CUDA_BACKEND STREQUAL "none")
  set(STRATA_CUDA_KERNELS false)
else()
  set(STRATA_CUDA_KERNELS true)
endif()
configure_file(core/device/cuda_build.h.in generated/core/device/cuda_build.h @ONLY)

# Flags of .cu files: those of strata_library_flags in nvcc's words.
add_library(strata_cuda_flags INTERFACE)
target_include_directories(strata_cuda_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(strata_cuda_flags INTERFACE
  --expt-relaxed-constexpr --extended-lambda -Xfatbin=-compress-all
  -Xcompiler=-Wall,-Wextra,-Wshadow,-fvisibility=hidden,-fvisibility-inlines-hidden)
if(STRATA_WERROR)
  target_compile_options(strata_cuda_flags INTERFACE --Werror=all-warnings -Xcompiler=-Werror)
endif()

# strata_cuda_sources(<folder> <file.cu>...): the kernels of a folder, after strata_sources. CUDA compiles them once, whatever
# the levels: their host side only launches. Nothing in a build without CUDA.
function(strata_cuda_sources folder)
  if(STRATA_CUDA_BACKEND STREQUAL "none" OR NOT ARGN)
    return()
  endif()
  string(REPLACE "/" "_" name ${folder})
  add_library(${name}_cuda OBJECT ${ARGN})
  if(STRATA_CUDA_BACKEND STREQUAL "cuda")
    target_link_libraries(${name}_cuda PRIVATE strata_cuda_flags)
  else()
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
    target_link_libraries(${name}_cuda PRIVATE strata_library_flags strata_level_${STRATA_LOWEST_LEVEL})
  endif()
  foreach(level IN LISTS STRATA_LEVELS_USED)
    set_property(GLOBAL APPEND PROPERTY STRATA_OBJECTS_${level} ${name}_cuda)
  endforeach()
endfunction()
