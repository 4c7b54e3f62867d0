#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/base/error.h"

namespace strata::cuda {

/// What plans of the libraries are made for, so that heuristics may choose kernels that load 16 bytes at once.
inline constexpr std::size_t operand_alignment = 16;

/// Error when an address is no multiple of it.
inline void expect_aligned(const std::string& where, std::span<const void* const> addresses) {
  for (const void* address : addresses)
    if (const auto at = reinterpret_cast<std::uintptr_t>(address); at % operand_alignment != 0)
      fail_expected(where, "addresses that are multiples of " + std::to_string(operand_alignment), std::to_string(at));
}

}  // namespace strata::cuda
