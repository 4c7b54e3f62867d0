// Times Strata's all-reduce for bench/all_reduce.py:
//   bench_all_reduce in-process RANKS BYTES...          threads of this process
//   bench_all_reduce processes BYTES...                 this process among those of `strata launch` or mpirun
#include <strata/strata.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/all_reduce_timing.h"

using namespace strata;

namespace {
constexpr std::chrono::milliseconds timeout{60'000};

void time_one(const std::shared_ptr<Communicator>& communicator, const std::vector<std::size_t>& sizes) {
  bench::time_all_reduce(communicator->rank(), communicator->size(), sizes, [&](float* data, std::size_t count) {
    return [&communicator, data, count] { communicator->all_reduce(Reduction::sum, DType::f32, data, data, count); };
  });
}

void time_threads(int ranks, const std::vector<std::size_t>& sizes) {
  std::vector<std::string> names;
  for (int r = 0; r < ranks; ++r) names.push_back("cpu:" + std::to_string(r));
  const distribute::InProcessGroup group(names, timeout);
  std::vector<std::jthread> threads;
  for (int r = 0; r < ranks; ++r) threads.emplace_back([&, r] { time_one(group.communicator(r), sizes); });
}

void time_processes(const std::vector<std::size_t>& sizes) {
  const auto world = distribute::world_from_environment();
  if (!world) throw Error("bench_all_reduce", "expected to be started by `strata launch` or mpirun");
  const auto group = distribute::ProcessGroup::join(*world, "cpu:0", timeout);
  time_one(group->communicator(), sizes);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "in-process" && argc > 2)
    time_threads(std::stoi(argv[2]), bench::sizes_of(argv + 3, argv + argc));
  else if (mode == "processes")
    time_processes(bench::sizes_of(argv + 2, argv + argc));
  else
    return std::fprintf(stderr, "usage: %s in-process RANKS BYTES... | processes BYTES...\n", argv[0]), 2;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
