#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/base/atomic_file.h"
#include "core/base/json.h"
#include "models/profile.h"
#include "models/quantities.h"

namespace strata {

namespace {
constexpr std::size_t name_width = 44;
constexpr double giga = 1e9;

/// Kernels that one line of a table stands for.
struct Group {
  std::string name;
  int count = 0;
  double seconds = 0, least_seconds = 0, flops = 0;
  std::int64_t bytes = 0;

  void add(const StepProfile::Kernel& k) {
    ++count;
    seconds += k.seconds;
    least_seconds += k.least_seconds;
    flops += k.flops;
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

std::string heading(const std::string& names) {
  return fmt::format("{:<{}} {:>5} {:>10} {:>7} {:>8} {:>10} {:>7} {:>9}\n", names, name_width, "times", "time",
                     "share", "GFLOP/s", "bytes", "GB/s", "roofline");
}

/// "-" for what a kernel does not do, and for what was not measured.
std::string line(const Group& g, const std::string& name, double step_seconds) {
  const auto by_the_second = [&](double amount) { return g.seconds > 0 ? amount / g.seconds / giga : 0; };
  const std::string flops = g.flops > 0 ? fmt::format("{:.1f}", by_the_second(g.flops)) : "-";
  const bool limited = g.least_seconds > 0 && g.seconds > 0;
  const std::string roofline = limited ? fmt::format("{:.0f}%", 100 * g.least_seconds / g.seconds) : "-";
  return fmt::format("{:<{}} {:>5} {:>10} {:>6.1f}% {:>8} {:>10} {:>7.1f} {:>9}\n", shortened(name, name_width),
                     name_width, g.count, time_text(g.seconds), 100 * g.seconds / step_seconds, flops,
                     bytes_text(static_cast<double>(g.bytes)), by_the_second(static_cast<double>(g.bytes)), roofline);
}

std::string op_of(const StepProfile::Kernel& k) { return k.op + (k.gradient ? " (gradient)" : ""); }

std::string name_of(const StepProfile::Kernel& k) { return k.layer.empty() ? op_of(k) : k.layer + ": " + op_of(k); }

Config numbers_of(const Reorders& r) { return {{"count", r.count}, {"bytes", r.bytes}, {"seconds", r.seconds}}; }

Config numbers_of(const StepProfile::Kernel& k) {
  Config config{{"layer", k.layer},     {"op", k.op},       {"gradient", k.gradient},
                {"seconds", k.seconds}, {"flops", k.flops}, {"bytes", k.bytes}};
  if (k.seconds > 0) {
    config.set("flops_per_second", k.flops / k.seconds);
    config.set("bytes_per_second", static_cast<double>(k.bytes) / k.seconds);
    if (k.least_seconds > 0) config.set("share_of_roofline", k.least_seconds / k.seconds);
  }
  config.set("reorders", numbers_of(k.reorders));
  return config;
}
}  // namespace

/// What the tables begin with: the step as a whole.
std::string StepProfile::head() const {
  const auto [fastest, slowest] = std::ranges::minmax_element(steps_, {}, &Step::wall);
  std::string text =
      fmt::format("a step on {} samples on {}: {} (mean of {}, {} to {}), {:.1f}% of it in {} kernels\n", batch_size_,
                  to_string(device_), time_text(step_seconds_), steps_.size(), time_text(fastest->wall),
                  time_text(slowest->wall), 100 * kernel_seconds() / step_seconds_, kernels_.size());
  for (const Peak& p : peaks_)
    text += fmt::format("the device reaches {} GFLOP/s in a large product of {} and {} GB/s\n",
                        count_text(p.roofline.flops / giga), keras_name(p.dtype), count_text(p.roofline.bytes / giga));
  if (!peaks_.empty())
    text += fmt::format("by this roofline the kernels take {}: {:.0f}% of the step\n", time_text(least_seconds()),
                        100 * least_seconds() / step_seconds_);
  const Reorders r = reorders();
  if (r.count == 0) return text + "no reorders into layouts of oneDNN\n\n";
  return text + fmt::format("{} reorders into layouts of oneDNN and back: {}, {} ({:.1f}% of the step)\n\n", r.count,
                            bytes_text(static_cast<double>(r.bytes)), time_text(r.seconds),
                            100 * r.seconds / step_seconds_);
}

std::string StepProfile::table() const {
  std::map<std::string, Group> layers;
  std::map<std::string, std::map<std::string, Group>> ops;
  for (const Kernel& k : kernels_) {
    const std::string layer = k.layer.empty() ? "-" : k.layer, op = op_of(k);
    Group& of_layer = layers[layer];
    of_layer.name = layer;
    of_layer.add(k);
    Group& of_op = ops[layer][op];
    of_op.name = op;
    of_op.add(k);
  }
  std::string text = head() + heading("layer, op");
  for (const Group& layer : slowest_first(layers)) {
    text += line(layer, layer.name, step_seconds_);
    for (const Group& op : slowest_first(ops[layer.name])) text += line(op, "  " + op.name, step_seconds_);
  }
  return text;
}

std::string StepProfile::kernel_table() const {
  std::string text = head() + heading("kernel");
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    Group alone;
    alone.add(kernels_[k]);
    text += line(alone, fmt::format("{:>4} {}", k, name_of(kernels_[k])), step_seconds_);
  }
  return text;
}

std::string StepProfile::json() const {
  ConfigValue::List peaks, kernels, seconds;
  for (const Peak& p : peaks_)
    peaks.emplace_back(Config{{"dtype", std::string(keras_name(p.dtype))},
                              {"flops_per_second", p.roofline.flops},
                              {"bytes_per_second", p.roofline.bytes}});
  for (const Step& step : steps_) seconds.emplace_back(step.wall);
  for (const Kernel& k : kernels_) kernels.emplace_back(numbers_of(k));
  Config config{{"device", to_string(device_)},           {"samples", batch_size_},
                {"peaks", ConfigValue(std::move(peaks))}, {"seconds", ConfigValue(std::move(seconds))},
                {"step_seconds", step_seconds_},          {"kernel_seconds", kernel_seconds()},
                {"reorders", numbers_of(reorders())},     {"kernels", ConfigValue(std::move(kernels))}};
  return to_json(ConfigValue(std::move(config)), 1) + "\n";
}

std::string StepProfile::trace() const {
  constexpr double us = 1e6;  // the format's unit
  constexpr int kernels_row = 1, exchanges_row = 2;
  const auto event = [](int row, const std::string& name, const std::string& category, double begin, double duration,
                        const Config& args) {
    return Config{{"name", name},         {"cat", category}, {"ph", "X"},  {"ts", begin * us},
                  {"dur", duration * us}, {"pid", 1},        {"tid", row}, {"args", args}};
  };
  ConfigValue::List events;
  events.emplace_back(
      Config{{"name", "process_name"}, {"ph", "M"}, {"pid", 1}, {"args", Config{{"name", to_string(device_)}}}});
  if (std::ranges::any_of(steps_, [](const Step& s) { return !s.times.aside.empty(); }))
    events.emplace_back(Config{{"name", "thread_name"},
                               {"ph", "M"},
                               {"pid", 1},
                               {"tid", exchanges_row},
                               {"args", Config{{"name", "exchanges beside the kernels"}}}});
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    events.emplace_back(
        event(kernels_row, "step " + std::to_string(s), "step", step.begin, step.wall, {{"samples", batch_size_}}));
    for (std::size_t k = 0; k < kernels_.size(); ++k) {
      const Kernel& kernel = kernels_[k];
      const std::string name = kernel.layer.empty() ? kernel.op : kernel.layer + ": " + kernel.op;
      const double begin = step.times.marks[k], duration = step.times.marks[k + 1] - begin;
      const Config arguments{{"layer", kernel.layer}, {"op", kernel.op},       {"gradient", kernel.gradient},
                             {"bytes", kernel.bytes}, {"flops", kernel.flops}, {"reorders", kernel.reorders.count}};
      events.emplace_back(
          event(kernels_row, name, kernel.gradient ? "gradient" : "forward", step.begin + begin, duration, arguments));
    }
    for (const StepTimes::Aside& a : step.times.aside)
      events.emplace_back(event(exchanges_row, kernels_[a.step].op, "exchange", step.begin + a.begin, a.end - a.begin,
                                {{"kernel", static_cast<std::int64_t>(a.step)}, {"bytes", kernels_[a.step].bytes}}));
  }
  return to_json(ConfigValue(Config{{"displayTimeUnit", "ms"}, {"traceEvents", events}}));
}

namespace {
void write_whole(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}
}  // namespace

void StepProfile::write_json(const std::string& path) const { write_whole(path, json()); }

void StepProfile::write_trace(const std::string& path) const { write_whole(path, trace()); }

}  // namespace strata
