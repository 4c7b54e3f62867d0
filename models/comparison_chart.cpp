// The chart of a comparison of devices, as SVG.
#include <fmt/format.h>

#include <functional>

#include "models/bar_chart.h"
#include "models/compare_devices.h"
#include "models/quantities.h"

namespace strata {

namespace {
using Bar = BarChart::Bar;

std::vector<Bar> bars(const std::vector<DeviceMeasures>& devices,
                      const std::function<Bar(const DeviceMeasures&)>& bar_of) {
  std::vector<Bar> all;
  for (const DeviceMeasures& m : devices) {
    all.push_back(bar_of(m));
    all.back().label = to_string(m.device);
  }
  return all;
}
}  // namespace

std::string DeviceComparison::svg() const {
  BarChart chart(options_.title, fmt::format("training, batches of {} {}, median of {} steps on each device",
                                             options_.batch_size, options_.unit, options_.steps));
  chart.add(options_.unit + " per second", bars(devices_, [](const DeviceMeasures& m) {
              return Bar{"", {m.per_second}, 0, 0, fmt::format("{}  ({:.2f}x)", count_text(m.per_second), m.speed_up)};
            }));
  chart.add("time of a step, and the range of its middle half", bars(devices_, [](const DeviceMeasures& m) {
              return Bar{"", {m.median}, m.low, m.high, time_text(m.median)};
            }));
  chart.add("memory: variables, and the plan of a step (pale)", bars(devices_, [](const DeviceMeasures& m) {
              const auto variables = static_cast<double>(m.variable_bytes), plan = static_cast<double>(m.plan_bytes);
              return Bar{"", {variables, plan}, 0, 0, bytes_text(variables) + " + " + bytes_text(plan)};
            }));
  if (options_.epochs > 0)
    chart.add(fmt::format("predicted for {} epochs", options_.epochs), bars(devices_, [](const DeviceMeasures& m) {
                return Bar{"", {m.hours}, 0, 0, time_text(m.hours * 3600)};
              }));
  return chart.svg();
}

}  // namespace strata
