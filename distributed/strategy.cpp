#include "distributed/strategy.h"

#include <algorithm>

#include "core/base/error.h"
#include "distributed/exchange.h"

namespace strata::distribute {

struct Strategy::State {
  std::string class_name;
  std::vector<Device> devices;
  StrategyOptions options;
};

namespace {
thread_local const Strategy* scoped = nullptr;

std::vector<Device> all_gpus() {
  std::vector<Device> gpus;
  for (const PhysicalDevice& d : config::list_physical_devices("gpu")) gpus.push_back(device_from_string(d.name));
  if (gpus.empty())
    throw Error("MirroredStrategy", "expected devices, or GPUs to take where none are named; there is no GPU here. " +
                                        config::why_no_gpu() +
                                        " Replicas on the processor are named: {\"cpu:0\", \"cpu:1\"}");
  return gpus;
}

std::vector<Device> checked_devices(const std::vector<std::string>& names) {
  std::vector<Device> devices;
  for (const std::string& name : names) {
    const Device device = device_from_string(name);
    if (std::find(devices.begin(), devices.end(), device) != devices.end())
      fail_expected("MirroredStrategy", "each device once", "'" + name + "' twice");
    if (!devices.empty() && devices[0].kind != device.kind)
      fail_expected("MirroredStrategy", "devices of one kind",
                    "'" + to_string(devices[0]) + "' beside '" + to_string(device) + "'");
    devices.push_back(device);
  }
  return devices.empty() ? all_gpus() : devices;
}
}  // namespace

Strategy::Strategy(const char* class_name, std::vector<Device> devices, const StrategyOptions& options)
    : state_(std::make_shared<State>(State{class_name, std::move(devices), options})) {
  if (!(options.timeout_seconds > 0))
    fail_expected(class_name, "a positive timeout_seconds", std::to_string(options.timeout_seconds));
  if (options.communication != Communication::nccl) return;
  if (const std::string why_not = why_no_nccl(state_->devices); !why_not.empty())
    throw Error(class_name, "cannot exchange by NCCL: " + why_not);
}

const std::vector<Device>& Strategy::devices() const { return state_->devices; }
const StrategyOptions& Strategy::options() const { return state_->options; }

std::string Strategy::describe() const {
  std::string names;
  for (const Device& d : state_->devices) names += (names.empty() ? "" : ", ") + to_string(d);
  return state_->class_name + "(" + names + ")";
}

MirroredStrategy::MirroredStrategy(const std::vector<std::string>& devices, const StrategyOptions& options)
    : Strategy("MirroredStrategy", checked_devices(devices), options) {}

OneDeviceStrategy::OneDeviceStrategy(const std::string& device)
    : Strategy("OneDeviceStrategy", {device_from_string(device)}, {}) {}

StrategyScope Strategy::scope() const { return StrategyScope(*this); }

StrategyScope::StrategyScope(const Strategy& strategy) : strategy_(strategy), device_(strategy.devices()[0]) {
  if (scoped != nullptr)
    throw Error("scope", "of " + strategy.describe() + " within that of " + scoped->describe() +
                             ": strategies do not nest; end the other scope first");
  scoped = &strategy_;
}

StrategyScope::~StrategyScope() { scoped = nullptr; }

const Strategy* current_strategy() { return scoped; }

}  // namespace strata::distribute
