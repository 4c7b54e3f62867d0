// Times Gloo's all-reduce over TCP for bench/all_reduce.py, as one of the processes of `strata launch`:
//   bench_all_reduce_gloo FOLDER ALGORITHM BYTES...
// FOLDER is empty, and where the processes find each other.
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/transport/tcp/device.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/all_reduce_timing.h"

namespace {
using Context = std::shared_ptr<gloo::rendezvous::Context>;

int number_from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error("expected to be started by `strata launch`");
  return std::stoi(value);
}

Context join(const std::string& folder) {
  const gloo::transport::tcp::attr here("127.0.0.1");
  auto device = gloo::transport::tcp::CreateDevice(here);
  gloo::rendezvous::FileStore store(folder);
  auto context = std::make_shared<gloo::rendezvous::Context>(number_from_environment("STRATA_RANK"),
                                                             number_from_environment("STRATA_WORLD_SIZE"));
  context->connectFullMesh(store, device);
  return context;
}

/// What one call does; what can be made ready beforehand is.
std::function<void()> prepared(const Context& context, const std::string& algorithm, float* data, std::size_t count) {
  const auto of_class = [](auto made) -> std::function<void()> { return [made] { made->run(); }; };
  if (algorithm == "ring_chunked")
    return of_class(std::make_shared<gloo::AllreduceRingChunked<float>>(context, std::vector<float*>{data},
                                                                        static_cast<int>(count)));
  if (algorithm == "halving_doubling")
    return of_class(std::make_shared<gloo::AllreduceHalvingDoubling<float>>(context, std::vector<float*>{data},
                                                                            static_cast<int>(count)));
  using Algorithm = gloo::AllreduceOptions::Algorithm;
  if (algorithm != "ring" && algorithm != "bcube")
    throw std::invalid_argument("no algorithm '" + algorithm + "': ring, bcube, ring_chunked, halving_doubling");
  const auto options = std::make_shared<gloo::AllreduceOptions>(context);
  options->setAlgorithm(algorithm == "ring" ? Algorithm::RING : Algorithm::BCUBE);
  options->setOutput(data, count);
  options->setReduceFunction(
      [](void* sum, const void* a, const void* b, std::size_t n) { gloo::sum<float>(sum, a, b, n); });
  return [options] { gloo::allreduce(*options); };
}
}  // namespace

int main(int argc, char** argv) try {
  if (argc < 4) return std::fprintf(stderr, "usage: %s FOLDER ALGORITHM BYTES...\n", argv[0]), 2;
  const auto sizes = bench::sizes_of(argv + 3, argv + argc);
  const Context context = join(argv[1]);
  bench::time_all_reduce(context->rank, context->size, sizes,
                         [&](float* data, std::size_t count) { return prepared(context, argv[2], data, count); });
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
