#include "models/callbacks/monitor.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "models/functional.h"
#include "models/model.h"
#include "models/trainer.h"

namespace strata::callbacks {

Direction direction_from_string(const std::string& mode) {
  if (mode == "auto") return Direction::auto_;
  if (mode == "min") return Direction::min;
  if (mode == "max") return Direction::max;
  fail_expected("callback: mode", "'auto', 'min' or 'max'", "'" + mode + "'");
}

Monitor::Monitor(std::string callback, std::string log, Direction direction, double min_delta)
    : callback_(std::move(callback)), log_(std::move(log)), asked_(direction), min_delta_(std::fabs(min_delta)) {}

void Monitor::start() {
  larger_.reset();
  if (asked_ != Direction::auto_) larger_ = asked_ == Direction::max;
}

void Monitor::resolve(const Model& model) {
  if (larger_) return;
  const std::string name = log_.starts_with("val_") ? log_.substr(4) : log_;
  if (name == "loss" || name.ends_with("_loss")) {
    larger_ = false;
  } else {
    larger_ = model.definition().trainer->larger_is_better(name);
  }
  if (!larger_)
    throw Error(callback_,
                callback_ + " callback received monitor=" + log_ +
                    ", but Strata isn't able to automatically determine whether that metric should be maximized or "
                    "minimized. Pass `mode='max'` in order to monitor based on the highest metric value, or pass "
                    "`mode='min'` in order to use the lowest value.");
}

double Monitor::worst() const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return *larger_ ? -infinity : infinity;
}

bool Monitor::improved(double value, double best) const {
  return *larger_ ? value - min_delta_ > best : value + min_delta_ < best;
}

Frequency::Frequency(std::string_view when) : batches_(when == "epoch" ? 0 : 1) {
  if (when != "epoch" && when != "batch")
    fail_expected("callback: frequency", "'epoch', 'batch' or a number of batches", "'" + std::string(when) + "'");
}

void Frequency::check() const {
  if (batches_ < 1)
    fail_expected("callback: frequency", "'epoch', 'batch' or a number of batches of at least 1",
                  std::to_string(batches_));
}

ConfigValue optional_value(const std::optional<double>& v) { return v ? ConfigValue(*v) : ConfigValue(); }
std::optional<double> optional_double(const ConfigValue& v) {
  return v.is_null() ? std::nullopt : std::optional<double>(v.as_double());
}

std::string float32_text(double v) { return fmt::format("{}", static_cast<double>(static_cast<float>(v))); }

}  // namespace strata::callbacks
