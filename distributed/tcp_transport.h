#pragma once

#include <memory>

#include "distributed/rendezvous.h"

namespace strata::distribute {

/// A connection between every two processes. Internal.
std::unique_ptr<Transport> tcp_transport(Assembly assembly);

}  // namespace strata::distribute
