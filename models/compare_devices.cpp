#include "models/compare_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/atomic_file.h"
#include "core/ops/ops.h"
#include "models/arguments.h"
#include "models/functional.h"
#include "models/no_trace.h"
#include "models/predictor.h"
#include "models/quantile.h"
#include "models/quantities.h"
#include "models/trainer.h"

namespace strata {

namespace {
constexpr std::int64_t rounds = 10;

/// How many random batches stand in for data.
constexpr std::int64_t random_batches = 4;

/// The same numbers where they can be read.
Tensors as_doubles(const Tensors& tensors) {
  Tensors read;
  for (const Tensor& t : tensors) read.push_back(cast(t.to(Device{}), DType::f64));
  return read;
}

double largest_magnitude(std::span<const double> x) {
  double largest = 0;
  for (const double v : x) largest = std::max(largest, std::fabs(v));
  return largest;
}

/// NaN when one is NaN and the other is not the same.
double largest_difference(std::span<const double> a, std::span<const double> b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    const double difference = a[i] == b[i] ? 0 : std::fabs(a[i] - b[i]);
    if (std::isnan(difference)) return difference;
    largest = std::max(largest, difference);
  }
  return largest;
}

/// The largest over all tensors, relative to the magnitudes in `first`.
double relative_difference(const Tensors& first, const Tensors& other) {
  double largest = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double difference = largest_difference(first[i].data<double>(), other[i].data<double>());
    if (std::isnan(difference)) return difference;
    const double scale = largest_magnitude(first[i].data<double>());
    largest = std::max(largest, scale > 0 ? difference / scale : difference);
  }
  return largest;
}

/// What the first device computes before training, as doubles: what the others' results are held against.
struct Reference {
  Tensors outputs, gradients;
};

/// A model on one of the devices, and what is known of it.
class Contestant {
 public:
  Contestant(Device device, const std::function<Model()>& make, const CompareDevicesOptions& options)
      : device_(device), options_(options) {
    measures_.device = device;
    utils::set_random_seed(options.seed);
    const DeviceScope scope(device);
    model_ = make();
    trainer_ = model_.definition().trainer;
    if (!trainer_)
      throw Error("compare_devices", "expected a compiled model from `make`; '" + model_.name() + "' is not");
  }

  /// Data for all, with seeds as they are after the model was made.
  Arguments arguments(const Data& x, const Data& y) {
    if (!x.empty()) {
      Arguments a = resolve_arguments(model_.definition(), x, y, {}, "compare_devices");
      if (a.y.empty()) fail_expected("compare_devices: y", "targets", "none");
      return a;
    }
    Batch random = trainer_->random_batch(options_.batch_size * random_batches);
    return {std::move(random.x), std::move(random.y), {}};
  }

  void take_weights_of(const Contestant& first) {
    if (this == &first) return;
    const Variables theirs = first.model_.weights(), ours = model_.weights();
    for (std::size_t i = 0; i < ours.size(); ++i) ours[i].assign(theirs.at(i).value());
  }

  /// Everything before the steps that are timed. The first sets the reference.
  void prepare(const Arguments& data, Reference& reference) {
    const DeviceScope scope(device_);
    source_ =
        batches_of(data.x, data.y, data.w, {.batch_size = options_.batch_size, .shuffle = true, .seed = options_.seed});
    const Batch batch = next();
    const Reference mine{as_doubles(model_.definition().predictor->run(batch.x)),
                         as_doubles(trainer_->gradients_on(batch))};
    if (reference.outputs.empty()) reference = mine;
    measures_.output_difference = relative_difference(reference.outputs, mine.outputs);
    measures_.gradient_difference = relative_difference(reference.gradients, mine.gradients);
    const Plan& plan = trainer_->step(Mode::train, batch)->plan();
    measures_.plan_bytes = static_cast<std::int64_t>(plan.peak_bytes());
    for (const Variable& v : plan.variables()) measures_.variable_bytes += static_cast<std::int64_t>(v.value().bytes());
    for (int i = 0; i < options_.warmup; ++i) trainer_->train_on(next());
  }

  /// Steps of a round; the loss is that of the last round.
  void run(std::int64_t round) {
    const DeviceScope scope(device_);
    trainer_->reset_metrics();
    const std::int64_t begin = options_.steps * round / rounds, end = options_.steps * (round + 1) / rounds;
    wait_for(device_);
    for (std::int64_t i = begin; i < end; ++i) {
      const Batch batch = next();
      const auto start = std::chrono::steady_clock::now();
      trainer_->train_on(batch);
      wait_for(device_);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      measures_.seconds.push_back(took.count());
    }
    if (end > begin) measures_.loss = trainer_->logs()["loss"];
  }

  DeviceMeasures measures() const { return measures_; }
  std::string name() const { return model_.name(); }

 private:
  /// Whole batches only: a smaller one at the end of a pass would be another plan, and another time.
  Batch next() {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (epoch_ < 0 || attempt > 0) source_->start(++epoch_);
      auto batch = source_->next();
      if (batch && batch->size() == options_.batch_size) return *std::move(batch);
    }
    throw Error("compare_devices", "expected data for at least one batch of " + std::to_string(options_.batch_size));
  }

  Device device_;
  const CompareDevicesOptions& options_;
  Model model_;
  std::shared_ptr<Trainer> trainer_;
  std::unique_ptr<BatchSource> source_;
  int epoch_ = -1;
  DeviceMeasures measures_;
};

void complete(DeviceMeasures& m, const CompareDevicesOptions& o) {
  m.low = quantile(m.seconds, 0.25), m.median = quantile(m.seconds, 0.5), m.high = quantile(m.seconds, 0.75);
  m.per_second = static_cast<double>(o.batch_size) / m.median;
  const std::int64_t steps = (o.samples + o.batch_size - 1) / o.batch_size;
  m.hours = static_cast<double>(o.epochs * steps) * m.median / 3600;
}

void check(const std::vector<Device>& devices, const CompareDevicesOptions& o) {
  if (devices.empty()) fail_expected("compare_devices", "at least one device", "none");
  if (o.batch_size < 1) fail_expected("compare_devices: batch_size", "a positive number", std::to_string(o.batch_size));
  if (o.steps < rounds)
    fail_expected("compare_devices: steps", "at least " + std::to_string(rounds), std::to_string(o.steps));
  if (o.warmup < 0) fail_expected("compare_devices: warmup", "0 or more", std::to_string(o.warmup));
  if (o.epochs < 0) fail_expected("compare_devices: epochs", "0 or more", std::to_string(o.epochs));
}

void write(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}
}  // namespace

DeviceComparison compare_devices(const std::function<Model()>& make, const std::vector<Device>& devices, const Data& x,
                                 const Data& y, const CompareDevicesOptions& given) {
  check(devices, given);
  CompareDevicesOptions options = given;
  const NoTrace no_trace;
  std::vector<std::unique_ptr<Contestant>> contestants;
  for (const Device d : devices) {
    const UncountedNames same_names;  // dropout draws by names
    contestants.push_back(std::make_unique<Contestant>(d, make, options));
  }
  const Arguments data = contestants[0]->arguments(x, y);
  if (options.samples < 0) options.samples = data.x[0].shape()[0];
  if (options.title.empty()) options.title = contestants[0]->name();
  Reference reference;
  for (auto& c : contestants) c->take_weights_of(*contestants[0]);  // before any of them trains
  for (auto& c : contestants) c->prepare(data, reference);
  for (std::int64_t round = 0; round < rounds; ++round)
    for (auto& c : contestants) c->run(round);
  std::vector<DeviceMeasures> all;
  for (const auto& c : contestants) {
    all.push_back(c->measures());
    complete(all.back(), options);
    all.back().speed_up = all.back().per_second / all.front().per_second;
  }
  return DeviceComparison(std::move(all), std::move(options));
}

std::string DeviceComparison::table() const {
  const bool predicts = options_.epochs > 0;
  std::string text = fmt::format("{}: batches of {}, {} steps on each device, seed {}\n", options_.title,
                                 options_.batch_size, options_.steps, options_.seed);
  text += fmt::format("{:<8} {:>10} {:>21} {:>12} {:>8} {:>10} {:>10} {:>9} {:>9}{}\n", "device", "step",
                      "quarter below, above", options_.unit + "/s", "speed-up", "memory", "loss", "outputs",
                      "gradients", predicts ? fmt::format(" {:>11}", std::to_string(options_.epochs) + " epochs") : "");
  for (const DeviceMeasures& m : devices_) {
    text += fmt::format("{:<8} {:>10} {:>21} {:>12} {:>7.2f}x {:>10} {:>10.5g} {:>9.2g} {:>9.2g}", to_string(m.device),
                        time_text(m.median), time_text(m.low) + ", " + time_text(m.high), count_text(m.per_second),
                        m.speed_up, bytes_text(static_cast<double>(m.plan_bytes + m.variable_bytes)), m.loss,
                        m.output_difference, m.gradient_difference);
    text += (predicts ? fmt::format(" {:>11}", time_text(m.hours * 3600)) : "") + "\n";
  }
  return text + "outputs, gradients: largest difference to " + to_string(devices_[0].device) +
         ", as a fraction of the largest value there\n";
}

std::string DeviceComparison::csv() const {
  std::string text =
      "device,steps,batch_size,median_seconds,low_seconds,high_seconds,samples_per_second,speed_up,plan_bytes,variable_"
      "bytes,"
      "loss,output_difference,gradient_difference,epochs,hours\n";
  for (const DeviceMeasures& m : devices_)
    text += fmt::format("{},{},{},{:.9g},{:.9g},{:.9g},{:.9g},{:.9g},{},{},{:.9g},{:.9g},{:.9g},{},{:.9g}\n",
                        to_string(m.device), options_.steps, options_.batch_size, m.median, m.low, m.high, m.per_second,
                        m.speed_up, m.plan_bytes, m.variable_bytes, m.loss, m.output_difference, m.gradient_difference,
                        options_.epochs, m.hours);
  return text;
}

void DeviceComparison::write_csv(const std::string& path) const { write(path, csv()); }
void DeviceComparison::write_svg(const std::string& path) const { write(path, svg()); }

}  // namespace strata
