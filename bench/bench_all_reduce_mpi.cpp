// Times Open MPI's own MPI_Allreduce for bench/all_reduce.py, as one of the processes of mpirun:
//   bench_all_reduce_mpi BYTES...
#define OMPI_SKIP_MPICXX  // its C++ interface, which is gone from MPI, wants a library of its own
#include <mpi.h>

#include <cstdio>
#include <exception>

#include "bench/all_reduce_timing.h"

int main(int argc, char** argv) try {
  const auto sizes = bench::sizes_of(argv + 1, argv + argc);
  MPI_Init(&argc, &argv);
  int rank = 0, ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  bench::time_all_reduce(rank, ranks, sizes, [](float* data, std::size_t count) {
    return [data, count] {
      MPI_Allreduce(MPI_IN_PLACE, data, static_cast<int>(count), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    };
  });
  MPI_Finalize();
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
