#include "models/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include "core/base/atomic_file.h"
#include "core/base/json.h"
#include "models/arguments.h"
#include "models/functional.h"
#include "models/quantities.h"
#include "models/restored_variables.h"
#include "models/trainer.h"

namespace strata {

namespace {
constexpr std::size_t name_width = 44;

std::int64_t bytes_of(const PlanStep& step) {
  std::size_t bytes = 0;
  for (const Types* types : {&step.signature.inputs, &step.signature.outputs})
    for (const Type& t : *types) bytes += t.bytes();
  return static_cast<std::int64_t>(bytes);
}

/// Kernels that one line of the table stands for.
struct Group {
  std::string name;
  int count = 0;
  double seconds = 0;
  std::int64_t bytes = 0;

  void add(const StepProfile::Kernel& k) {
    ++count;
    seconds += k.seconds;
    bytes += k.bytes;
  }
};

std::vector<Group> slowest_first(const std::map<std::string, Group>& groups) {
  std::vector<Group> sorted;
  for (const auto& [name, group] : groups) sorted.push_back(group);
  std::ranges::stable_sort(sorted, std::ranges::greater{}, &Group::seconds);
  return sorted;
}

std::string shortened(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

std::string line(const Group& g, const std::string& name, double step_seconds) {
  const double rate = g.seconds > 0 ? static_cast<double>(g.bytes) / g.seconds / 1e9 : 0;
  return fmt::format("{:<{}} {:>5} {:>10} {:>6.1f}% {:>10} {:>7.1f}\n", shortened(name, name_width), name_width,
                     g.count, time_text(g.seconds), 100 * g.seconds / step_seconds,
                     bytes_text(static_cast<double>(g.bytes)), rate);
}
}  // namespace

StepProfile::StepProfile(const Plan& plan, std::int64_t batch_size, std::vector<Step> steps)
    : steps_(std::move(steps)), device_(plan.options().device), batch_size_(batch_size) {
  const auto count = static_cast<double>(steps_.size());
  for (std::size_t k = 0; k < plan.steps().size(); ++k) {
    const PlanStep& s = plan.steps()[k];
    double seconds = 0;
    for (const Step& step : steps_) seconds += step.marks.at(k + 1) - step.marks.at(k);
    kernels_.push_back({s.layer, s.again ? s.op + " (again)" : s.op, s.gradient, bytes_of(s), seconds / count});
  }
  for (const Step& step : steps_) step_seconds_ += step.wall / count;
}

double StepProfile::kernel_seconds() const {
  return std::accumulate(kernels_.begin(), kernels_.end(), 0.0,
                         [](double s, const Kernel& k) { return s + k.seconds; });
}

std::string StepProfile::table() const {
  std::map<std::string, Group> layers;
  std::map<std::string, std::map<std::string, Group>> ops;
  for (const Kernel& k : kernels_) {
    const std::string layer = k.layer.empty() ? "-" : k.layer, op = k.op + (k.gradient ? " (gradient)" : "");
    Group& of_layer = layers[layer];
    of_layer.name = layer;
    of_layer.add(k);
    Group& of_op = ops[layer][op];
    of_op.name = op;
    of_op.add(k);
  }
  const auto [fastest, slowest] = std::ranges::minmax_element(steps_, {}, &Step::wall);
  std::string text =
      fmt::format("a step on {} samples on {}: {} (mean of {}, {} to {}), {:.1f}% of it in {} kernels\n\n", batch_size_,
                  to_string(device_), time_text(step_seconds_), steps_.size(), time_text(fastest->wall),
                  time_text(slowest->wall), 100 * kernel_seconds() / step_seconds_, kernels_.size());
  text += fmt::format("{:<{}} {:>5} {:>10} {:>7} {:>10} {:>7}\n", "layer, op", name_width, "times", "time", "share",
                      "bytes", "GB/s");
  for (const Group& layer : slowest_first(layers)) {
    text += line(layer, layer.name, step_seconds_);
    for (const Group& op : slowest_first(ops[layer.name])) text += line(op, "  " + op.name, step_seconds_);
  }
  return text;
}

std::string StepProfile::trace() const {
  constexpr double us = 1e6;  // the format's unit
  const auto event = [](const std::string& name, const std::string& category, double begin, double duration,
                        const Config& args) {
    return Config{{"name", name},         {"cat", category}, {"ph", "X"}, {"ts", begin * us},
                  {"dur", duration * us}, {"pid", 1},        {"tid", 1},  {"args", args}};
  };
  ConfigValue::List events;
  events.emplace_back(
      Config{{"name", "process_name"}, {"ph", "M"}, {"pid", 1}, {"args", Config{{"name", to_string(device_)}}}});
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    events.emplace_back(event("step " + std::to_string(s), "step", step.begin, step.wall, {{"samples", batch_size_}}));
    for (std::size_t k = 0; k < kernels_.size(); ++k) {
      const Kernel& kernel = kernels_[k];
      const std::string name = kernel.layer.empty() ? kernel.op : kernel.layer + ": " + kernel.op;
      const double begin = step.marks[k], duration = step.marks[k + 1] - begin;
      events.emplace_back(
          event(name, kernel.gradient ? "gradient" : "forward", step.begin + begin, duration,
                {{"layer", kernel.layer}, {"op", kernel.op}, {"gradient", kernel.gradient}, {"bytes", kernel.bytes}}));
    }
  }
  return to_json(ConfigValue(Config{{"displayTimeUnit", "ms"}, {"traceEvents", events}}));
}

void StepProfile::write_trace(const std::string& path) const {
  AtomicFile file(path);
  file.write(trace());
  file.commit();
}

namespace {
StepProfile profile_of(Trainer& trainer, const Batch& batch, const ProfileOptions& options) {
  using Clock = std::chrono::steady_clock;
  const std::shared_ptr<Executable> step = trainer.step(options.mode, batch);
  const Plan& plan = step->plan();
  const RestoredVariables as_they_were(plan.variables());
  const auto timer = make_step_timer(plan.options().device, plan.steps().size());
  for (int i = 0; i < options.warmup; ++i) trainer.run(options.mode, batch);
  std::vector<StepProfile::Step> steps;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < options.steps; ++i) {
    const Clock::time_point begin = Clock::now();
    trainer.run(options.mode, batch, timer.get());
    std::vector<double> marks = timer->take();
    const Clock::time_point end = Clock::now();
    const std::chrono::duration<double> since_start = begin - start, wall = end - begin;
    steps.push_back({since_start.count(), wall.count(), std::move(marks)});
  }
  return StepProfile(plan, batch.size(), std::move(steps));
}
}  // namespace

StepProfile Model::profile(const Data& x, const Data& y, const ProfileOptions& options) {
  if (options.batch_size < 1)
    fail_expected("profile: batch_size", "a positive number", std::to_string(options.batch_size));
  if (options.steps < 1) fail_expected("profile: steps", "a positive number", std::to_string(options.steps));
  if (options.warmup < 0) fail_expected("profile: warmup", "0 or more", std::to_string(options.warmup));
  Trainer& t = trainer("profile");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  Arguments a = resolve_arguments(definition(), x, y, {}, "profile");
  if (a.y.empty()) fail_expected("profile: y", "targets", "none");
  const auto batch = batches_of(a.x, a.y, a.w, {.batch_size = options.batch_size})->next();
  if (!batch) fail_expected("profile: x", "at least one sample", "none");
  return profile_of(t, *batch, options);
}

}  // namespace strata
