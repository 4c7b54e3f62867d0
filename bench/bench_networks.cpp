// Times training steps and inference of image classifiers on random data; the peers' side is peer_networks.py.
#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "bench/networks.h"

using namespace strata;

namespace {

struct Arguments {
  std::string network = "xception", precision = "float32";
  std::int64_t batch = 0;
  int steps = 10, threads = 0;
  bool inference = false, profile = false, layers = false;
};

template <class F>
std::vector<double> times_of(int count, F&& f) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::sort(seconds);
  return seconds;
}

/// One line per kind of op, the slowest first.
void print_ops(const StepProfile& profile) {
  struct Sum {
    int count = 0;
    double seconds = 0, bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (const auto& k : profile.kernels()) {
    Sum& s = sums[k.op + (k.gradient ? " (gradient)" : "")];
    ++s.count;
    s.seconds += k.seconds;
    s.bytes += static_cast<double>(k.bytes);
  }
  std::vector<std::pair<std::string, Sum>> sorted(sums.begin(), sums.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::printf("%-60s %5s %9s %7s %7s\n", "op", "count", "ms", "share", "GB/s");
  for (const auto& [name, s] : sorted)
    std::printf("%-60.60s %5d %9.2f %6.1f%% %7.1f\n", name.c_str(), s.count, 1e3 * s.seconds,
                100 * s.seconds / profile.step_seconds(), s.bytes / s.seconds / 1e9);
}

void run(const Arguments& a) {
  config::set_num_threads(a.threads);
  utils::set_random_seed(1);
  mixed_precision::set_global_policy(DTypePolicy(a.precision));
  const bench::Network& network = bench::networks().at(a.network);
  const std::int64_t batch = a.batch > 0 ? a.batch : network.batch;
  Model model = network.make();
  model.compile({.optimizer = optimizers::SGD({.learning_rate = 1e-3, .momentum = 0.9}),
                 .loss = "sparse_categorical_crossentropy"});
  const Tensor x = random::normal({batch, network.size, network.size, 3}), y = random::randint({batch}, 0, 1000);
  if (a.profile) {
    const StepProfile profile = model.profile(
        x, y, {.batch_size = batch, .steps = a.steps, .warmup = 1, .mode = a.inference ? Mode::infer : Mode::train});
    if (a.layers) std::printf("%s", profile.table().c_str());
    print_ops(profile);
    std::printf("step %.1f ms, kernels %.1f ms\n", 1e3 * profile.step_seconds(), 1e3 * profile.kernel_seconds());
    return;
  }
  const auto step = [&] {
    if (a.inference)
      model.predict_on_batch(x);
    else
      model.train_on_batch(x, y);
  };
  step();
  step();
  const std::vector<double> seconds = times_of(a.steps, step);
  std::printf("%s %s batch %lld %s: min %.1f median %.1f max %.1f ms", a.network.c_str(), a.precision.c_str(),
              static_cast<long long>(batch), a.inference ? "inference" : "training", 1e3 * seconds.front(),
              1e3 * seconds[seconds.size() / 2], 1e3 * seconds.back());
  if (!a.inference)
    std::printf(", plan %.0f MB", static_cast<double>(model.plan({.batch_size = batch}).peak_bytes()) / 1e6);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app("Steps of image classifiers on random data", "bench_networks");
  app.add_option("network", a.network, "mobilenet, resnet50, vgg16 or xception")
      ->check(CLI::IsMember({"mobilenet", "resnet50", "vgg16", "xception"}));
  app.add_option("--batch", a.batch, "images in a step; 0 means the network's own");
  app.add_option("--steps", a.steps, "that are measured, after two")->check(CLI::PositiveNumber);
  app.add_option("--threads", a.threads, "processor threads; 0 means all");
  app.add_option("--precision", a.precision, "float32, mixed_bfloat16 or mixed_float16");
  app.add_flag("--inference", a.inference, "predict instead of training");
  app.add_flag("--profile", a.profile, "where the time goes, by kind of op");
  app.add_flag("--layers", a.layers, "with --profile: by layer, too");
  CLI11_PARSE(app, argc, argv);
  try {
    run(a);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
