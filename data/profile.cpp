#include "data/profile.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "data/dataset_node.h"

namespace strata::data {

namespace {
using Clock = std::chrono::steady_clock;

/// Nanoseconds measured within the innermost timer of this thread.
thread_local std::int64_t measured_within = 0;

std::int64_t nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

/// A pass of one step under the clock.
class TimedPass final : public DatasetIterator {
 public:
  TimedPass(std::unique_ptr<DatasetIterator> pass, StageClock& clock) : pass_(std::move(pass)), clock_(clock) {}
  std::optional<Sample> next() override {
    const StageTimer timer(clock_.busy);
    std::optional<Sample> sample = pass_->next();
    if (sample) ++clock_.elements;
    return sample;
  }

 private:
  std::unique_ptr<DatasetIterator> pass_;
  StageClock& clock_;
};

double in_seconds(const std::atomic<std::int64_t>& nanoseconds) {
  return static_cast<double>(nanoseconds.load()) * 1e-9;
}
}  // namespace

StageTimer::StageTimer(std::atomic<std::int64_t>& nanoseconds)
    : total_(nanoseconds), outer_(std::exchange(measured_within, 0)), start_(Clock::now()) {}

StageTimer::~StageTimer() {
  const std::int64_t elapsed = nanoseconds_since(start_);
  total_ += elapsed - measured_within;
  measured_within = outer_ + elapsed;
}

StageClock& PassRecorder::clock(const Dataset::Node* step) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<StageClock>& clock = clocks_[step];
  if (!clock) clock = std::make_unique<StageClock>();
  return *clock;
}

std::unique_ptr<DatasetIterator> Dataset::Node::open(const PassInfo& pass) const {
  std::unique_ptr<DatasetIterator> elements = iterate(accepted(pass));
  if (!pass.recorder) return elements;
  return std::make_unique<TimedPass>(std::move(elements), pass.recorder->clock(this));
}

double StageProfile::elements_per_second() const {
  if (busy_seconds <= 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(elements) * workers / busy_seconds;
}

std::string Profile::table() const {
  std::array<char, 160> line;
  std::string text;
  const auto add = [&](const char* format, auto... values) {
    std::snprintf(line.data(), line.size(), format, values...);
    text += line.data();
  };
  add("%-16s %8s %10s %10s %10s %14s\n", "stage", "workers", "elements", "busy s", "waited s", "elements/s");
  for (const StageProfile& s : stages)
    add("%-16s %8d %10lld %10.3f %10.3f %14.1f%s\n", s.name.c_str(), s.workers, static_cast<long long>(s.elements),
        s.busy_seconds, s.waited_seconds, s.elements_per_second(), &s == &stages[bottleneck] ? "  <- bottleneck" : "");
  add("%-16s %8s %10lld %10.3f %10s %14.1f\n", "whole", "", static_cast<long long>(elements), seconds, "",
      elements_per_second());
  return text;
}

Profile profile(const Dataset& dataset, const ProfileOptions& o) {
  if (o.max_elements < -1)
    fail_expected("data.profile", "max_elements of 0 or more, or -1 for all", std::to_string(o.max_elements));
  if (o.max_elements < 0 && dataset.cardinality() == infinite_cardinality)
    throw Error("data.profile", "the dataset has no end; give max_elements");
  PassRecorder recorder;
  Profile result;
  const Clock::time_point start = Clock::now();
  {
    const std::unique_ptr<DatasetIterator> pass = dataset.node_->open({.epoch = o.epoch, .recorder = &recorder});
    while (result.elements != o.max_elements && pass->next()) ++result.elements;
    result.seconds = static_cast<double>(nanoseconds_since(start)) * 1e-9;
  }  // ends the workers, so that the clocks stand still
  for (const Dataset::Node* step = dataset.node_.get(); step; step = step->source()) {
    const StageClock& clock = recorder.clock(step);
    result.stages.push_back(
        {step->name(), step->workers(), clock.elements, in_seconds(clock.busy), in_seconds(clock.waited)});
  }
  std::ranges::reverse(result.stages);
  const auto load = [](const StageProfile& s) { return s.busy_seconds / s.workers; };
  result.bottleneck =
      static_cast<std::size_t>(std::ranges::max_element(result.stages, {}, load) - result.stages.begin());
  return result;
}

}  // namespace strata::data
