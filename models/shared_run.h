#pragma once

#include <optional>

#include "core/device/communicator.h"
#include "models/callbacks.h"

namespace strata {

/// A saved run, or none, as the first process found it, for all: the others need not see its files. Internal.
std::optional<callbacks::SavedState> given_to_all(Communicator& all, const std::optional<callbacks::SavedState>& found);

}  // namespace strata
