#include "distributed/strategy.h"

#include <algorithm>
#include <mutex>

#include "core/base/error.h"
#include "core/device/seed.h"
#include "distributed/exchange.h"
#include "distributed/process_group.h"

namespace strata::distribute {

struct Strategy::State {
  std::string class_name;
  std::vector<Device> devices;
  StrategyOptions options;
  std::shared_ptr<ProcessGroup> processes = {};
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

void check_options(const char* class_name, const StrategyOptions& options) {
  if (!(options.timeout_seconds > 0))
    fail_expected(class_name, "a positive timeout_seconds", std::to_string(options.timeout_seconds));
  if (options.check_parameters_every < 0)
    fail_expected(class_name, "check_parameters_every of 0 or more steps",
                  std::to_string(options.check_parameters_every));
}

void check_nccl(const char* class_name, const std::vector<Device>& devices, const StrategyOptions& options) {
  if (options.communication != Communication::nccl) return;
  if (const std::string why_not = why_no_nccl(devices); !why_not.empty())
    throw Error(class_name, "cannot exchange by NCCL: " + why_not);
}

/// This process's, of the world.
Device own_device(const char* class_name, const WorldOptions& world, const std::vector<std::string>& names) {
  const auto rank = static_cast<std::size_t>(world.rank), size = static_cast<std::size_t>(world.size);
  if (!names.empty() && names.size() != 1 && names.size() != size)
    fail_expected(class_name, "one device, or one for each of the " + std::to_string(size) + " processes",
                  std::to_string(names.size()));
  if (!names.empty()) return device_from_string(names.size() == 1 ? names[0] : names[rank]);
  const auto gpus = config::list_physical_devices("gpu");
  if (gpus.empty()) return {};
  const auto local = static_cast<std::size_t>(world.local_rank);
  if (local >= gpus.size())
    fail_expected(
        class_name, "as many processes on a machine as it has GPUs, which are " + std::to_string(gpus.size()),
        "local rank " + std::to_string(local) + ". Name the devices where several processes are to share one");
  return device_from_string(gpus[local].name);
}

/// Strategies of a process that live at the same time share its connections. All draw the first one's random numbers
/// from here on, so that they make the same weights and shuffle alike.
std::shared_ptr<ProcessGroup> join(const WorldOptions& world, const Device& device, const StrategyOptions& options) {
  static std::mutex mutex;
  static std::weak_ptr<ProcessGroup> joined;
  const std::lock_guard lock(mutex);
  auto group = joined.lock();
  if (!group) {
    const auto limit = std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout_seconds * 1000));
    group = ProcessGroup::join(world, to_string(device), limit);
    joined = group;
  }
  if (group->rank() != world.rank || group->size() != world.size)
    fail_expected("strategy", "the world of the strategy that this process has: " + group->title(group->rank()),
                  "rank " + std::to_string(world.rank) + " of " + std::to_string(world.size));
  auto seed = static_cast<std::int64_t>(random::process_seed_position());
  group->communicator()->broadcast(DType::i64, &seed, 1, 0);
  utils::set_random_seed(static_cast<std::uint64_t>(seed));
  return group;
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

WorldOptions world_or_alone() {
  const auto world = world_from_environment();
  return world ? *world : WorldOptions{};
}
}  // namespace

Strategy::Strategy(const char* class_name, std::vector<Device> devices, const StrategyOptions& options)
    : state_(std::make_shared<State>(State{class_name, std::move(devices), options})) {
  check_options(class_name, options);
  check_nccl(class_name, state_->devices, options);
}

Strategy::Strategy(const char* class_name, const WorldOptions& world, const std::vector<std::string>& devices,
                   const StrategyOptions& options) {
  check_options(class_name, options);
  check(world);
  if (options.shard_optimizer_state && world.size > 1)
    throw Error(class_name,
                "shard_optimizer_state is for the replicas of one process (MirroredStrategy): a process "
                "could not write or read the state that others have");
  const Device device = own_device(class_name, world, devices);
  check_nccl(class_name, {device}, options);
  state_ = std::make_shared<State>(
      State{class_name, {device}, options, world.size == 1 ? nullptr : join(world, device, options)});
}

int Strategy::num_replicas_in_sync() const {
  return processes() ? processes()->size() : static_cast<int>(devices().size());
}

const std::vector<Device>& Strategy::devices() const { return state_->devices; }
const std::shared_ptr<ProcessGroup>& Strategy::processes() const { return state_->processes; }
int Strategy::rank() const { return processes() ? processes()->rank() : 0; }
const StrategyOptions& Strategy::options() const { return state_->options; }

std::string Strategy::describe() const {
  std::string names;
  for (const Device& d : state_->devices) names += (names.empty() ? "" : ", ") + to_string(d);
  if (processes())
    names = "rank " + std::to_string(rank()) + " of " + std::to_string(processes()->size()) + ", " + names;
  return state_->class_name + "(" + names + ")";
}

Strategy Strategy::mirrored(const std::vector<std::string>& devices, const StrategyOptions& options) {
  constexpr const char* name = "MirroredStrategy";
  if (started_with_others() && world_or_alone().size > 1) return {name, world_or_alone(), devices, options};
  return {name, checked_devices(devices), options};
}

MirroredStrategy::MirroredStrategy(const std::vector<std::string>& devices, const StrategyOptions& options)
    : Strategy(mirrored(devices, options)) {}

MultiWorkerMirroredStrategy::MultiWorkerMirroredStrategy(const std::vector<std::string>& devices,
                                                         const StrategyOptions& options)
    : MultiWorkerMirroredStrategy(world_or_alone(), devices, options) {}

MultiWorkerMirroredStrategy::MultiWorkerMirroredStrategy(const WorldOptions& world,
                                                         const std::vector<std::string>& devices,
                                                         const StrategyOptions& options)
    : Strategy("MultiWorkerMirroredStrategy", world, devices, options) {}

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
