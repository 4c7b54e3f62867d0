#include "tools/strata/bench_case.h"

#include <chrono>
#include <fstream>
#include <utility>

#include "models/quantile.h"

namespace strata::tools {

namespace {
class PolicyScope {
 public:
  explicit PolicyScope(const DTypePolicy& policy) : before_(mixed_precision::global_policy()) {
    mixed_precision::set_global_policy(policy);
  }
  PolicyScope(const PolicyScope&) = delete;
  PolicyScope& operator=(const PolicyScope&) = delete;
  ~PolicyScope() { mixed_precision::set_global_policy(before_); }

 private:
  DTypePolicy before_;
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Lets the system count the most memory of this process from now on. False where it does not.
bool restart_peak_memory() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

std::int64_t peak_memory() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return 1024 * std::stoll(line.substr(6));
  return 0;
}

Optimizer optimizer_for(const BenchNetwork& network) {
  if (network.channels == 1) return optimizers::Adam({.learning_rate = 1e-3});
  return optimizers::SGD({.learning_rate = 1e-3, .momentum = 0.9});
}
}  // namespace

double BenchMeasures::quantile(double q) const { return strata::quantile(seconds, q); }

double BenchMeasures::images_per_second(std::int64_t batch_size) const {
  return static_cast<double>(batch_size) / quantile(0.5);
}

double BenchMeasures::flops_per_second() const { return flops / quantile(0.5); }

BenchRun::BenchRun(const BenchCase& c) : case_(c), counts_memory_(restart_peak_memory()) {
  const DeviceScope scope(c.device);
  const PolicyScope policy{DTypePolicy(c.precision)};
  utils::set_random_seed(1);
  const auto begin = std::chrono::steady_clock::now();
  model_ = c.network.make(c.network.images(c.image_size));
  model_.compile({.optimizer = optimizer_for(c.network), .loss = "sparse_categorical_crossentropy"});
  measures_.making = seconds_since(begin);
  const DeviceScope processor{Device{}};  // as data comes from files
  x_ = random::normal({c.batch_size, c.image_size, c.image_size, c.network.channels});
  y_ = random::randint({c.batch_size}, 0, c.network.classes);
  measures_.first = seconds_of_batch();
}

double BenchRun::seconds_of_batch() {
  const DeviceScope scope(case_.device);
  const auto begin = std::chrono::steady_clock::now();
  if (case_.mode == Mode::train)
    static_cast<void>(model_.train_on_batch(x_, y_)["loss"]);
  else
    model_.predict_on_batch(x_);
  wait_for(case_.device);
  return seconds_since(begin);
}

void BenchRun::warm_up() { seconds_of_batch(); }

double BenchRun::run(std::int64_t batches) {
  if (case_.mode == Mode::train) model_.reset_metrics();
  double total = 0;
  for (std::int64_t i = 0; i < batches; ++i) {
    measures_.seconds.push_back(seconds_of_batch());
    total += measures_.seconds.back();
  }
  return total;
}

BenchMeasures BenchRun::finish() {
  if (counts_memory_) measures_.resident_bytes = peak_memory();
  const StepPlan plan = model_.plan({.batch_size = case_.batch_size, .mode = case_.mode});
  measures_.plan_bytes = static_cast<std::int64_t>(plan.peak_bytes());
  measures_.variable_bytes = static_cast<std::int64_t>(plan.variable_bytes());
  measures_.flops = plan.flops();
  return std::exchange(measures_, {});
}

}  // namespace strata::tools
