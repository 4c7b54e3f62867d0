#include "models/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "models/device_load.h"
#include "models/quantities.h"

namespace strata {

namespace {
constexpr int bar_width = 20;
constexpr double redraw_seconds = 0.05;
constexpr const char* bold = "\x1b[1m";
constexpr const char* green = "\x1b[32m";
constexpr const char* white = "\x1b[37m";
constexpr const char* plain = "\x1b[0m";

std::string duration(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60);
  if (s >= 60) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}s", s);
}

std::string per_step(double seconds) {
  if (seconds >= 1 || seconds == 0) return fmt::format("{:.0f}s/step", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.0f}ms/step", seconds * 1e3);
  return fmt::format("{:.0f}us/step", seconds * 1e6);
}

std::string value_text(double v) {
  if (std::fabs(v) > 1e-3 || v == 0 || !std::isfinite(v)) return fmt::format("{:.4f}", v);
  return fmt::format("{:.4e}", v);
}

std::string bar(std::int64_t step, std::int64_t target, bool colour) {
  const auto filled = target > 0 ? static_cast<int>(static_cast<double>(step) / static_cast<double>(target) * bar_width) : 0;
  std::string text = colour ? green : "";
  for (int i = 0; i < filled; ++i) text += "━";
  if (colour) text += white;
  for (int i = filled; i < bar_width; ++i) text += "━";
  return text + (colour ? plain : "");
}

double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }
}  // namespace

Progress::Progress(std::int64_t target, const std::string& title, int verbose)
    : target_(target), verbose_(verbose), terminal_(isatty(STDOUT_FILENO) != 0), start_(Clock::now()), after_first_(start_), last_draw_() {
  if (verbose_ > 0 && !title.empty()) std::printf("%s\n", title.c_str());
}

void Progress::show_use_of(Device device) {
  device_ = device;
  load_ = verbose_ > 0 ? std::make_shared<DeviceLoad>(device) : nullptr;
}

std::string Progress::line(std::int64_t step, const Logs& values, bool done) const {
  const bool colour = terminal_ && verbose_ == 1;
  const Clock::time_point now = Clock::now();
  const std::string total = target_ >= 0 ? std::to_string(target_) : "Unknown";
  const std::string counted = target_ >= 0 ? fmt::format("{:>{}}/{}", step, total.size(), total) : fmt::format("{:>7}/Unknown", step);
  // As Keras: the first step, which compiles, does not count towards the average.
  const double average = seen_ > 1 ? seconds(now - after_first_) / static_cast<double>(seen_ - 1) : seconds(now - start_);
  std::string text = colour ? bold + counted + plain : counted;
  if (verbose_ == 1) text += " " + bar(target_ >= 0 ? step : 1, target_ >= 0 ? target_ : 1, colour) + " ";
  if (verbose_ == 1 && !done && target_ >= 0)
    text += (colour ? bold : "") + duration(average * static_cast<double>(target_ - step)) + (colour ? plain : "");
  else
    text += (verbose_ == 2 ? " - " : "") + duration(seconds(now - start_));
  text += (verbose_ == 2 ? " - " : " ") + per_step(average);
  for (const auto& [name, value] : values) text += " - " + name + ": " + value_text(value);
  if (load_) {
    text += " - memory: " + bytes_text(static_cast<double>(config::memory_in_use(device_)));
    if (const auto percent = load_->percent()) text += fmt::format(" - load: {}%", *percent);
  }
  return text;
}

void Progress::update(std::int64_t step, const Logs& values) {
  if (verbose_ == 0) return;
  if (++seen_ == 1) after_first_ = Clock::now();
  const Clock::time_point now = Clock::now();
  if (verbose_ != 1 || !terminal_ || seconds(now - last_draw_) < redraw_seconds) return;
  last_draw_ = now;
  const std::string text = line(step, values, false);
  std::printf("\r%s\x1b[K", text.c_str());
  std::fflush(stdout);
}

void Progress::finish(std::int64_t step, const Logs& values) {
  if (verbose_ == 0) return;
  const std::string text = line(step, values, true);
  std::printf(terminal_ && verbose_ == 1 ? "\r%s\x1b[K\n" : "%s\n", text.c_str());
  std::fflush(stdout);
}

}  // namespace strata
