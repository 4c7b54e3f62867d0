#pragma once

#include <cstddef>
#include <vector>

#include "core/device/communicator.h"

/// The arithmetic of collectives in the processor's memory. Internal.
namespace strata::distribute {

/// The reduction of elements [begin, end) of all `in`, in their order, into the same elements of every `out`. An out
/// may be an in.
void reduce(Reduction, DType, const std::vector<const void*>& in, const std::vector<void*>& out, std::size_t begin,
            std::size_t end);

/// Error unless the reduction is defined for such elements.
void check_reducible(Reduction, DType);

}  // namespace strata::distribute
