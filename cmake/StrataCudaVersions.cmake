# Reads cmake/cuda_versions.txt into STRATA_CUDA_LEAST_<WHAT> and writes core/device/cuda_versions.h, which the doctor reads.
# Include it after StrataCuda.cmake, whose choice of architectures and toolkit it passes on.
set(cuda_versions_file ${PROJECT_SOURCE_DIR}/cmake/cuda_versions.txt)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${cuda_versions_file})
file(STRINGS ${cuda_versions_file} cuda_version_lines REGEX "^[a-z_]+ +[0-9]")
foreach(line IN LISTS cuda_version_lines)
  string(REGEX MATCH "^([a-z_]+) +([0-9]+)\\.([0-9]+)" ignored ${line})
  string(TOUPPER ${CMAKE_MATCH_1} what)
  set(STRATA_CUDA_LEAST_${what} ${CMAKE_MATCH_2}.${CMAKE_MATCH_3})
  set(STRATA_CUDA_LEAST_${what}_MAJOR ${CMAKE_MATCH_2})
  set(STRATA_CUDA_LEAST_${what}_MINOR ${CMAKE_MATCH_3})
endforeach()

set(built_architectures "")
set(toolkit_folder "")
if(STRATA_CUDA_BACKEND STREQUAL "cuda")
  list(JOIN STRATA_CUDA_ARCHITECTURES " " built_architectures)
  set(toolkit_folder "${CUDAToolkit_TARGET_DIR}")
  if(CUDAToolkit_VERSION VERSION_LESS STRATA_CUDA_LEAST_CUDA)
    message(FATAL_ERROR "Strata needs CUDA ${STRATA_CUDA_LEAST_CUDA} or newer; ${CUDAToolkit_TARGET_DIR} holds "
      "${CUDAToolkit_VERSION}. tools/setup_cuda.sh fetches one that fits; -DSTRATA_CUDA=off builds without")
  endif()
endif()
configure_file(${PROJECT_SOURCE_DIR}/core/device/cuda_versions.h.in generated/core/device/cuda_versions.h @ONLY)
