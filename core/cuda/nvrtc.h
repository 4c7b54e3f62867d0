#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// NVRTC, CUDA's compiler as a library: generated kernels are compiled while the program runs, on a machine with a GPU
/// or without. It is loaded when it is first needed, and what it made is kept on the disk (core/base/disk_cache.h).
namespace strata::nvrtc {

/// Why NVRTC cannot be used here, as sentences without a final full stop; empty when it can.
std::string problem();
/// "13.0". Error with problem().
std::string version();

/// Machine code, or PTX for a GPU that is newer than this NVRTC: what cuModuleLoadData takes.
using Code = std::string;

/// Compiles CUDA C++20 for a compute capability (90 for 9.0). The text may include the free-standing headers of
/// core/kernels (math_functions.h, elementwise_functions.h, tile_kernel.h) by those paths. Subnormal f32 numbers count
/// as zero, as in kernels on the processor; products and sums contract; nothing else is inexact. Error with the
/// compiler's own messages and the text, or with problem().
Code compile(const std::string& source, int compute_capability);

/// The same for many texts, in their order, on several threads; equal ones are compiled once. What the disk has is not
/// compiled at all.
std::vector<Code> compile_all(std::span<const std::string> sources, int compute_capability);

}  // namespace strata::nvrtc
