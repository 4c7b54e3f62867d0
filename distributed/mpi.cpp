#include "distributed/mpi.h"

#include "core/base/error.h"

namespace strata::distribute {

std::unique_ptr<Transport> mpi_transport(const WorldOptions& world, const std::string& name,
                                         std::chrono::milliseconds timeout) {
  const MpiModule* module = nullptr;
  try {
    module = &loaded<MpiModule>();
  } catch (const Error& e) {
    throw Error("MPI", world.origin + " started this process, and Open MPI cannot be used here: " + e.what() +
                           ". Install it (Debian: libopenmpi-dev openmpi-bin) and build Strata anew; or start the "
                           "processes by `strata launch`, or with STRATA_RANK, STRATA_WORLD_SIZE and STRATA_ADDRESS, "
                           "which need no MPI");
  }
  return module->start(world, name, timeout);
}

}  // namespace strata::distribute
