#include "models/choose_device.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "models/functional.h"
#include "models/no_trace.h"
#include "models/quantities.h"
#include "models/trainer.h"

namespace strata {

namespace {
constexpr int untimed_steps = 2;

/// What was asked for, and who asked: "--device auto", "STRATA_DEVICE=auto", "default".
struct Request {
  std::string device, source;
};

Request requested(const std::string& option) {
  if (!option.empty()) return {option, "--device " + option};
  const char* environment = std::getenv("STRATA_DEVICE");
  if (environment != nullptr && *environment != '\0') return {environment, "STRATA_DEVICE=" + std::string(environment)};
  return {"auto", "default"};
}

/// What why_no_gpu says, up to the details.
std::string short_reason() {
  const std::string whole = config::why_no_gpu();
  return "no GPU: " + whole.substr(0, std::min({whole.find(": "), whole.find("; to do"), whole.find(". "), whole.find('\n'), whole.size()}));
}

/// Whether random data can be made up for the model.
bool sizes_known(const Model& model) {
  const Symbols inputs = model.inputs();  // none of a Sequential that waits for its data
  return !inputs.empty() && std::ranges::none_of(inputs, [](const Symbol& s) {
    return s.shape().slice(1, s.shape().rank()).has_open_dim();
  });
}

/// Median seconds of a training step; none when the model leaves sizes open.
std::optional<double> measured(Device device, const ChooseDeviceOptions& options) {
  const NoTrace no_trace;
  const DeviceScope scope(device);
  Model model = options.make();
  const std::shared_ptr<Trainer> trainer = model.definition().trainer;
  if (!trainer) throw Error("choose_device", "expected a compiled model from `make`; '" + model.name() + "' is not");
  if (!sizes_known(model)) return std::nullopt;
  const Batch batch = trainer->random_batch(options.batch_size);
  std::vector<double> seconds;
  for (int i = -untimed_steps; i < options.steps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    trainer->train_on(batch);
    wait_for(device);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (i >= 0) seconds.push_back(took.count());
  }
  std::ranges::nth_element(seconds, seconds.begin() + options.steps / 2);
  return seconds[static_cast<std::size_t>(options.steps / 2)];
}

DeviceChoice fastest(const std::vector<Device>& candidates, const ChooseDeviceOptions& options) {
  std::optional<Device> best;
  double best_seconds = 0;
  std::string findings, failure;
  for (const Device d : candidates) {
    findings += (findings.empty() ? "" : ", ") + to_string(d) + " ";
    try {
      const std::optional<double> seconds = measured(d, options);
      if (!seconds) return {candidates[0], "not measured, because the model's inputs have open sizes"};
      findings += time_text(*seconds);
      if (!best || *seconds < best_seconds) best = d, best_seconds = *seconds;
    } catch (const MemoryError& e) {  // a device that is too small is no reason not to use another
      findings += "not measured: " + std::string(e.what());
      failure = e.what();
    }
  }
  if (!best) throw Error("choose_device", "none of the devices can run the model; the last said: " + failure);
  return {*best, findings + " a step"};
}

DeviceChoice automatic(const ChooseDeviceOptions& options) {
  std::vector<Device> candidates = options.candidates;
  std::string why;
  if (candidates.empty()) {
    if (!config::list_physical_devices("gpu").empty())
      candidates.push_back(device_from_string("gpu:0"));
    else
      why = short_reason();
    candidates.push_back(Device{});
  }
  if (candidates.size() == 1) return {candidates[0], why.empty() ? "the only one" : why};
  if (!options.make) return {candidates[0], "not measured"};
  return fastest(candidates, options);
}
}  // namespace

std::string DeviceChoice::line() const { return "device " + to_string(device) + " (" + why + ")"; }

DeviceChoice choose_device(const std::string& asked, const ChooseDeviceOptions& options) {
  if (options.steps < 1) fail_expected("choose_device: steps", "a positive number", std::to_string(options.steps));
  const Request request = requested(asked);
  if (request.device != "auto") return {device_from_string(request.device), request.source};
  DeviceChoice choice = automatic(options);
  choice.why += "; " + request.source;
  return choice;
}

std::vector<Device> devices_from_list(const std::string& names) {
  std::vector<Device> devices;
  std::istringstream list(names);
  for (std::string name; std::getline(list, name, ',');) {
    const Device d = device_from_string(name);
    if (std::ranges::find(devices, d) != devices.end()) fail_expected("device", "each device once", "'" + names + "'");
    devices.push_back(d);
  }
  if (devices.empty()) fail_expected("device", "names of devices with commas between them", "'" + names + "'");
  return devices;
}

}  // namespace strata
