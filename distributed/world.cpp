#include "distributed/world.h"

#include <charconv>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/json.h"

namespace strata::distribute {

namespace {
std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

std::string text_of(const std::string& name, const std::string& beside) {
  const auto value = variable(name);
  if (!value) fail_expected("the environment", name + " beside " + beside, "none");
  return *value;
}

std::int64_t number_in(const std::string& text, const std::string& name) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    fail_expected(name, "a number", "'" + text + "'");
  return value;
}

int number_of(const std::string& name, const std::string& beside) {
  return static_cast<int>(number_in(text_of(name, beside), name));
}

int local_rank_of(const std::string& name) {
  const auto value = variable(name);
  return value ? static_cast<int>(number_in(*value, name)) : 0;
}

WorldOptions of_strata() {
  const std::string first = "STRATA_RANK";
  return {.rank = number_of(first, first),
          .size = number_of("STRATA_WORLD_SIZE", first),
          .local_rank = local_rank_of("STRATA_LOCAL_RANK"),
          .address = text_of("STRATA_ADDRESS", first),
          .origin = first};
}

WorldOptions of_mpirun() {
  const std::string first = "OMPI_COMM_WORLD_RANK";
  return {.rank = number_of(first, first),
          .size = number_of("OMPI_COMM_WORLD_SIZE", first),
          .local_rank = local_rank_of("OMPI_COMM_WORLD_LOCAL_RANK"),
          .transport = WorldOptions::Transport::mpi,
          .origin = "mpirun (" + first + ")"};
}

/// {"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "task": {"type": "worker", "index": 0}}
WorldOptions of_tensorflow(const std::string& text) {
  const ConfigValue all = parse_json(text, "TF_CONFIG");
  const Config& config = all.as_config();
  const Config &cluster = config.at("cluster").as_config(), &task = config.at("task").as_config();
  const std::string type = task.at("type").as_string();
  WorldOptions world{.rank = -1, .size = 0, .origin = "TF_CONFIG"};
  for (const char* kind : {"chief", "worker"}) {
    if (!cluster.contains(kind)) continue;
    const ConfigValue::List& members = cluster.at(kind).as_list();
    if (type == kind) world.rank = world.size + static_cast<int>(task.at("index").as_int());
    world.size += static_cast<int>(members.size());
    if (world.address.empty() && !members.empty()) world.address = members[0].as_string();
  }
  if (world.rank < 0)
    fail_expected("TF_CONFIG", "a task of type 'chief' or 'worker' that its cluster has", "'" + type + "'");
  return world;
}

WorldOptions of_torchrun() {
  const std::string first = "RANK", host = text_of("MASTER_ADDR", first), port = text_of("MASTER_PORT", first);
  return {.rank = number_of(first, first),
          .size = number_of("WORLD_SIZE", first),
          .local_rank = local_rank_of("LOCAL_RANK"),
          .address = host + ":" + port,
          .origin = first};
}

/// The first of "node[03-05,09],other": "node03".
std::string first_node(const std::string& list) {
  const std::size_t end = list.find_first_of(",["), bracket = list.find('[');
  if (end == std::string::npos || end != bracket) return list.substr(0, end);
  return list.substr(0, bracket) + list.substr(bracket + 1, list.find_first_of(",-]", bracket) - bracket - 1);
}

WorldOptions of_slurm() {
  const std::string first = "SLURM_PROCID";
  WorldOptions world{.rank = number_of(first, first),
                     .size = number_of("SLURM_NTASKS", first),
                     .local_rank = local_rank_of("SLURM_LOCALID"),
                     .origin = first};
  const auto host = variable("MASTER_ADDR"), port = variable("MASTER_PORT");
  world.address = host ? *host : first_node(text_of("SLURM_STEP_NODELIST", first));
  world.address +=
      ":" + (port ? *port : std::to_string(20000 + number_in(text_of("SLURM_JOB_ID", first), "SLURM_JOB_ID") % 20000));
  return world;
}
}  // namespace

void check(const WorldOptions& world) {
  const std::string where = "the processes that " + world.origin + " names";
  if (world.size < 1) fail_expected(where, "at least one", std::to_string(world.size));
  if (world.rank < 0 || world.rank >= world.size)
    fail_expected(where, "a rank below " + std::to_string(world.size), std::to_string(world.rank));
  if (world.transport == WorldOptions::Transport::mpi || world.size == 1) return;
  const std::size_t colon = world.address.rfind(':');
  if (colon == std::string::npos || colon == 0)
    fail_expected(where, "the address of rank 0 as host:port", "'" + world.address + "'");
  const std::int64_t port = number_in(world.address.substr(colon + 1), "the port of '" + world.address + "'");
  if (port < 1 || port > 65535) fail_expected(where, "a port from 1 to 65535", std::to_string(port));
}

bool started_with_others() { return variable("STRATA_RANK") || variable("OMPI_COMM_WORLD_RANK"); }

std::optional<WorldOptions> world_from_environment() {
  std::optional<WorldOptions> world;
  if (variable("STRATA_RANK"))
    world = of_strata();
  else if (variable("OMPI_COMM_WORLD_RANK"))
    world = of_mpirun();
  else if (const auto config = variable("TF_CONFIG"))
    world = of_tensorflow(*config);
  else if (variable("RANK"))
    world = of_torchrun();
  else if (variable("SLURM_PROCID"))
    world = of_slurm();
  if (world) check(*world);
  return world;
}

}  // namespace strata::distribute
