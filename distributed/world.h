#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/export.h"

namespace strata::distribute {

/// Which of several processes that train together this one is.
struct WorldOptions {
  /// What numbers travel by: connections of our own, or Open MPI, in a process that mpirun started.
  enum class Transport : std::uint8_t { tcp, mpi };

  int rank = 0, size = 1;
  /// Which of those on the same machine: by default it chooses the GPU.
  int local_rank = 0;
  /// "host:port" at which rank 0 waits for the others. With MPI none is needed.
  std::string address = {};
  Transport transport = Transport::tcp;
  /// Who said so, for errors: "mpirun (OMPI_COMM_WORLD_RANK)".
  std::string origin = "the program";
};

/// What the launcher of this process has put into its environment; nothing where there was none. The first of
/// - STRATA_RANK, STRATA_WORLD_SIZE, STRATA_LOCAL_RANK (0 if missing), STRATA_ADDRESS: `strata launch`, or by hand;
/// - OMPI_COMM_WORLD_RANK, _SIZE and _LOCAL_RANK: mpirun, and so MPI;
/// - TF_CONFIG: its workers, a chief before them; the address is that of the first;
/// - RANK, WORLD_SIZE, LOCAL_RANK (0 if missing), MASTER_ADDR, MASTER_PORT: torchrun, Kubernetes;
/// - SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID: srun. Rank 0 is on the first machine of SLURM_STEP_NODELIST, at port
///   20000 + SLURM_JOB_ID % 20000, unless MASTER_ADDR and MASTER_PORT say otherwise.
/// Error for one that is incomplete or makes no sense.
STRATA_API std::optional<WorldOptions> world_from_environment();

/// Error unless the rank is one of size, and the address, where one is needed, is "host:port".
STRATA_API void check(const WorldOptions&);

/// Processes that were started together on purpose, by `strata launch` or mpirun, as opposed to those that a job's
/// variables only say could be.
STRATA_API bool started_with_others();

}  // namespace strata::distribute
