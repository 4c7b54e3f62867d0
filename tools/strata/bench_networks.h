#pragma once

#include <strata/strata.h>

#include <string>
#include <vector>

namespace strata::tools {

/// A network that can be measured: one of applications::, or a starter network for MNIST.
struct BenchNetwork {
  std::string name;         ///< as it is asked for: "mobilenet"
  std::int64_t image_size;  ///< height and width of its images, unless another is asked for
  std::int64_t channels, classes;
  std::int64_t batch_size;  ///< unless another is asked for
  std::string workload;     ///< what bench/workloads.py calls it
  Model (*make)(const Shape& images);

  Shape images(std::int64_t size) const { return {size, size, channels}; }
};

const std::vector<BenchNetwork>& bench_networks();
/// In that order. Error that lists the names for one that is not there; "all" stands for all.
std::vector<BenchNetwork> bench_networks_named(const std::vector<std::string>& names);

}  // namespace strata::tools
