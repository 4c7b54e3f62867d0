#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/device/tensor.h"

namespace strata::data {

/// The array in an IDX file of unsigned bytes, as MNIST's page describes it: two zero bytes, the element type (8), the
/// rank, the sizes as big-endian 32-bit integers, the elements row by row. Error naming `where` for another magic
/// number or rank, and for content that is shorter or longer than its sizes say.
Tensor parse_idx(std::span<const std::byte> content, int rank, const std::string& where);

}  // namespace strata::data
