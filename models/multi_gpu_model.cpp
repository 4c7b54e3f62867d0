#include "models/multi_gpu_model.h"

#include <algorithm>
#include <numeric>

#include "core/device/device.h"
#include "distributed/strategy.h"

namespace strata::utils {

namespace {
constexpr const char* where = "multi_gpu_model";

/// As Python prints lists.
std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "'" : ", '") + name + "'";
  return "[" + all + "]";
}
std::string listed(const std::vector<int>& numbers) {
  std::string all;
  for (const int n : numbers) all += (all.empty() ? "" : ", ") + std::to_string(n);
  return "[" + all + "]";
}

/// `received` is what the user asked for, as Python prints it.
Model on_gpus(const Model& model, const std::vector<int>& gpus, const std::string& received) {
  std::vector<std::string> available, wanted{"/cpu:0"}, devices;
  for (const PhysicalDevice& d : config::list_physical_devices()) available.push_back("/" + d.name);
  for (const int number : gpus) {
    devices.push_back("gpu:" + std::to_string(number));
    wanted.push_back("/" + devices.back());
  }
  const auto there = [&](const std::string& name) { return std::ranges::count(available, name) > 0; };
  if (!std::all_of(wanted.begin(), wanted.end(), there)) {
    const std::string why = config::why_no_gpu();
    throw Error(where, "To call `multi_gpu_model` with `gpus=" + received +
                           "`, we expect the following devices to be available: " + listed(wanted) +
                           ". However this machine only has: " + listed(available) + ". Try reducing `gpus`." +
                           (why.empty() ? "" : " " + why));
  }
  if (model.inputs().empty())
    throw Error(where, "the model '" + model.name() + "' has no Input, so its layers are not connected yet");
  const auto scope = distribute::MirroredStrategy(devices).scope();
  for (const Variable& v : model.weights()) v.move_to(current_device());
  return Model(model.inputs(), model.outputs());
}
}  // namespace

Model multi_gpu_model(const Model& model, int gpus) {
  if (gpus == 0) gpus = static_cast<int>(config::list_physical_devices("gpu").size());
  if (gpus <= 1)
    throw Error(where,
                "For multi-gpu usage to be effective, call `multi_gpu_model` with `gpus >= 2`. Received: `gpus=" +
                    std::to_string(gpus) + "`");
  std::vector<int> numbers(static_cast<std::size_t>(gpus));
  std::iota(numbers.begin(), numbers.end(), 0);
  return on_gpus(model, numbers, std::to_string(gpus));
}

Model multi_gpu_model(const Model& model, const std::vector<int>& gpus) {
  if (gpus.size() <= 1)
    throw Error(where,
                "For multi-gpu usage to be effective, call `multi_gpu_model` with `len(gpus) >= 2`. Received: `gpus=" +
                    listed(gpus) + "`");
  return on_gpus(model, gpus, listed(gpus));
}

}  // namespace strata::utils
