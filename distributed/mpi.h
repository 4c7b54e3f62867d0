#pragma once

#include <memory>
#include <string_view>

#include "core/base/module.h"
#include "distributed/transport.h"
#include "distributed/world.h"

namespace strata::distribute {

/// The module with Open MPI, its only use. Internal.
class MpiModule : public Module {
 public:
  static constexpr std::string_view module_name = "mpi";
  /// All processes that mpirun started. MPI is initialized unless the program has done that; what comes after that
  /// takes no longer than `timeout`.
  virtual std::unique_ptr<Transport> start(const WorldOptions&, const std::string& name,
                                           std::chrono::milliseconds timeout) const = 0;
};

/// Error that says what to do when the module cannot be loaded.
std::unique_ptr<Transport> mpi_transport(const WorldOptions&, const std::string& name,
                                         std::chrono::milliseconds timeout);

}  // namespace strata::distribute
