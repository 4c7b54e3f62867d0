#pragma once

#include <cerrno>
#include <filesystem>

namespace strata::testing {

/// The file of the running test program. Not /proc/self/exe, which is the loader where a test chooses an x86-64 level by it.
inline std::filesystem::path own_program() { return std::filesystem::absolute(program_invocation_name); }

}  // namespace strata::testing
