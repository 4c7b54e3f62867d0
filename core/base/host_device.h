#pragma once

/// Decorates a function that runs on the host and on a GPU. The headers that use it are free-standing (no standard
/// includes): nvcc, the host's compilers and NVRTC, which compiles generated kernels at run time, read the same text.
#if defined(__CUDACC__)
#define STRATA_HD __host__ __device__
#else
// Always inlined: a call that is left in a loop keeps the loop scalar.
#define STRATA_HD __attribute__((always_inline))
#endif
