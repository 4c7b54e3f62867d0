#include "tools/strata/bench_networks.h"

#include <algorithm>

#include "tools/strata/commands.h"
#include "tools/strata/starter_networks.h"

namespace strata::tools {

namespace {
template <auto network>
Model for_mnist(const Shape& images) {
  return network(images, 10);
}

/// A network of applications:: with random weights.
template <auto network, class Options>
Model application(const Shape& images) {
  Options options;
  options.weights = "";
  options.input_shape = images;
  return network(options);
}

template <auto network, class Options = applications::Options>
BenchNetwork imagenet(const std::string& name, std::int64_t image_size, std::int64_t batch_size) {
  return {name, image_size, 3, 1000, batch_size, name, application<network, Options>};
}
}  // namespace

const std::vector<BenchNetwork>& bench_networks() {
  using namespace applications;
  static const std::vector<BenchNetwork> all{
      {"mnist_mlp", 28, 1, 10, 128, "mlp", for_mnist<starter_mlp>},
      {"mnist_cnn", 28, 1, 10, 128, "cnn", for_mnist<starter_cnn>},
      imagenet<MobileNet, MobileNetOptions>("mobilenet", 224, 16),
      imagenet<Xception>("xception", 299, 4),
  };
  return all;
}

std::vector<BenchNetwork> bench_networks_named(const std::vector<std::string>& names) {
  const std::vector<BenchNetwork>& all = bench_networks();
  std::vector<BenchNetwork> found;
  for (const std::string& name : names) {
    if (name == "all") {
      found.insert(found.end(), all.begin(), all.end());
      continue;
    }
    const auto it = std::ranges::find(all, name, &BenchNetwork::name);
    if (it == all.end()) {
      std::string known = "all";
      for (const BenchNetwork& network : all) known += ", " + network.name;
      throw UsageError("bench: there is no network '" + name + "'; there are " + known);
    }
    found.push_back(*it);
  }
  return found;
}

}  // namespace strata::tools
