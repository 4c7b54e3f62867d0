#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device/cuda.h"

namespace strata::cuda {

/// Bytes of scratch that sort_positions needs.
std::size_t sort_scratch(std::int64_t count);
/// Enqueues: the positions 0 ... count - 1 in the order of their keys, equal keys in the order of their positions, and
/// the keys in that order. Below 2^31 keys. `keys` is left alone.
void sort_positions(Cuda&, const std::uint32_t* keys, std::int64_t count, std::uint32_t* sorted_keys,
                    std::uint32_t* positions, std::byte* scratch);

}  // namespace strata::cuda
