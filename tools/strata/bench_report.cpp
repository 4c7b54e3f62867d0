#include "tools/strata/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "models/bar_chart.h"
#include "models/quantile.h"
#include "models/quantities.h"

namespace strata::tools {

namespace {
constexpr double giga = 1e9;

std::string processor() {
  const auto all = config::list_physical_devices("cpu");
  return all.empty() ? "unknown" : all[0].description;
}

std::string now() {
  char text[32];
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&t, &utc);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string range(const std::vector<double>& numbers, const auto& text) {
  return text(quantile(numbers, 0.1)) + " - " + text(quantile(numbers, 0.9));
}

std::string ratio_text(double ratio) { return fmt::format("{:.2f}", ratio); }

std::string peer_line(const PeerMeasures& peer, std::int64_t batch_size) {
  if (!peer.error.empty()) return fmt::format("  {:<27} failed: {}\n", peer.name, peer.error);
  const double median = quantile(peer.seconds, 0.5);
  return fmt::format("  {:<52} {:>10} {:>23} {:>9}   {:.2f} times ours ({})\n", peer.name, time_text(median),
                     range(peer.seconds, time_text), count_text(static_cast<double>(batch_size) / median),
                     quantile(peer.ratios, 0.5), range(peer.ratios, ratio_text));
}

ConfigValue spread(const std::vector<double>& numbers) {
  return Config{{"median", quantile(numbers, 0.5)},
                {"p10", quantile(numbers, 0.1)},
                {"p90", quantile(numbers, 0.9)},
                {"all", ConfigValue::List(numbers.begin(), numbers.end())}};
}

Config numbers_of(const PeerMeasures& peer) {
  Config config{{"peer", peer.name}, {"version", peer.version}};
  if (!peer.error.empty()) {
    config.set("error", peer.error);
    return config;
  }
  config.set("seconds", spread(peer.seconds));
  config.set("ratio", spread(peer.ratios));
  return config;
}

Config numbers_of(const BenchRow& row) {
  const BenchCase& c = row.what;
  const BenchMeasures& m = row.ours;
  Config config{{"network", c.network.name},        {"image_size", c.image_size}, {"mode", c.mode_name()},
                {"device", to_string(c.device)},    {"precision", c.precision},   {"batch_size", c.batch_size},
                {"seconds_to_make_model", m.making}};
  if (!m.error.empty()) {
    config.set("error", m.error);
    return config;
  }
  config.set("seconds_first_batch", m.first);
  config.set("seconds", spread(m.seconds));
  config.set("images_per_second", m.images_per_second(c.batch_size));
  config.set("plan_bytes", m.plan_bytes);
  config.set("variable_bytes", m.variable_bytes);
  if (m.resident_bytes > 0) config.set("resident_bytes", m.resident_bytes);
  config.set("flops", m.flops);
  config.set("flops_per_second", m.flops_per_second());
  config.set("share_of_peak", m.flops_per_second() / m.peak_flops);
  ConfigValue::List beside;
  for (const PeerMeasures& peer : row.peers) beside.emplace_back(numbers_of(peer));
  if (!beside.empty()) config.set("peers", ConfigValue(std::move(beside)));
  return config;
}

std::string label_of(const BenchCase& c) {
  return fmt::format("{} {}, {} x {}, {}", c.network.name, c.mode_name(), c.batch_size, c.precision,
                     to_string(c.device));
}
}  // namespace

std::string BenchReport::head() const {
  std::string text = fmt::format("{}, {} threads\n", processor(), threads);
  for (const Peak& p : peaks)
    text += fmt::format("{} reaches {} GFLOP/s in a large product of {}, and {} GB/s\n", to_string(p.device),
                        count_text(p.roofline.flops / giga), keras_name(p.dtype), count_text(p.roofline.bytes / giga));
  for (const std::string& sentence : missing_peers) text += sentence + "\n";
  return text + fmt::format("\n{:<15} {:<9} {:<6} {:<15} {:>5} {:>10} {:>23} {:>9} {:>10} {:>10} {:>10} {:>8} {:>5}\n",
                            "network", "mode", "device", "precision", "batch", "time", "10 % - 90 %", "images/s",
                            "first", "memory", "process", "GFLOP/s", "peak");
}

std::string BenchReport::lines(const BenchRow& row) const {
  const BenchCase& c = row.what;
  const BenchMeasures& m = row.ours;
  std::string text = fmt::format("{:<15} {:<9} {:<6} {:<15} {:>5} ", c.network.name, c.mode_name(), to_string(c.device),
                                 c.precision, c.batch_size);
  if (!m.error.empty()) return text + "failed: " + m.error + "\n";
  const double memory = static_cast<double>(m.plan_bytes + m.variable_bytes);
  text +=
      fmt::format("{:>10} {:>23} {:>9} {:>10} {:>10} {:>10} {:>8} {:>4.0f}%\n", time_text(m.quantile(0.5)),
                  range(m.seconds, time_text), count_text(m.images_per_second(c.batch_size)), time_text(m.first),
                  bytes_text(memory), m.resident_bytes > 0 ? bytes_text(static_cast<double>(m.resident_bytes)) : "-",
                  count_text(m.flops_per_second() / giga), 100 * m.flops_per_second() / m.peak_flops);
  for (const PeerMeasures& peer : row.peers) text += peer_line(peer, c.batch_size);
  return text;
}

std::string BenchReport::json() const {
  ConfigValue::List all_peaks, all_rows, missing;
  for (const Peak& p : peaks)
    all_peaks.emplace_back(Config{{"device", to_string(p.device)},
                                  {"dtype", std::string(keras_name(p.dtype))},
                                  {"flops_per_second", p.roofline.flops},
                                  {"bytes_per_second", p.roofline.bytes}});
  for (const BenchRow& row : rows) all_rows.emplace_back(numbers_of(row));
  for (const std::string& sentence : missing_peers) missing.emplace_back(sentence);
  Config devices;
  for (const PhysicalDevice& d : config::list_physical_devices()) devices.set(d.name, d.description);
  return to_json(ConfigValue(Config{{"strata", std::string(version())},
                                    {"date", now()},
                                    {"devices", ConfigValue(devices)},
                                    {"threads", threads},
                                    {"warmup", warmup},
                                    {"rounds", rounds},
                                    {"peaks", ConfigValue(std::move(all_peaks))},
                                    {"missing_peers", ConfigValue(std::move(missing))},
                                    {"rows", ConfigValue(std::move(all_rows))}}),
                 1) +
         "\n";
}

std::string BenchReport::svg() const {
  BarChart chart("strata bench", fmt::format("{}, {} threads; {}", processor(), threads, now().substr(0, 10)), 300);
  std::vector<BarChart::Bar> rates, memory;
  for (const BenchRow& row : rows) {
    const BenchCase& c = row.what;
    const BenchMeasures& m = row.ours;
    if (!m.error.empty()) continue;
    const auto rate = [&](double q) { return static_cast<double>(c.batch_size) / m.quantile(q); };
    rates.push_back(
        {label_of(c),
         {rate(0.5)},
         rate(0.9),
         rate(0.1),
         fmt::format("{}  ({:.0f}% of peak)", count_text(rate(0.5)), 100 * m.flops_per_second() / m.peak_flops)});
    for (const PeerMeasures& peer : row.peers)
      if (peer.error.empty()) {
        const double theirs = static_cast<double>(c.batch_size) / quantile(peer.seconds, 0.5);
        rates.push_back({"    " + peer.name,
                         {0, theirs},
                         0,
                         0,
                         fmt::format("{}  (1/{:.2f})", count_text(theirs), quantile(peer.ratios, 0.5))});
      }
    const auto variables = static_cast<double>(m.variable_bytes), plan = static_cast<double>(m.plan_bytes);
    memory.push_back({label_of(c), {variables, plan}, 0, 0, bytes_text(variables) + " + " + bytes_text(plan)});
  }
  chart.add("images per second, and the range from 10 to 90 %", rates);
  chart.add("memory: variables, and the plan of a step (pale)", memory);
  return chart.svg();
}

}  // namespace strata::tools
