#pragma once

#include <vector>

#include "distributed/transport.h"
#include "distributed/world.h"

/// How the processes of a world find each other. Internal.
namespace strata::distribute {

struct Assembly {
  std::vector<Process> processes;  ///< by rank
  std::vector<Socket> sockets;     ///< to each of them; a closed one in this process's own place
};

/// Returns when every two processes are connected. Rank 0 listens at the world's address; the others come there, say
/// who they are, and learn where all of them listen. Error that names the ranks that did not come, when two come as one
/// rank, when they were told different sizes, or have different versions of Strata.
Assembly assemble(const WorldOptions&, const std::string& name, Clock::time_point deadline);

}  // namespace strata::distribute
