#pragma once

namespace strata {

/// How many names the processor goes by: cpu:0 to cpu:63. Each has an account of memory.
inline constexpr int processor_names = 64;

}  // namespace strata
