#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/version.h"
#include "distributed/call.h"
#include "distributed/transport.h"

namespace strata::distribute {

// Levels round differently, so that replicas of two of them would drift apart.
Process this_process(const std::string& name) {
  return {host_name(), name, ::getpid(),
          std::string(version()) + " (level " + std::string(config::built_level()) + ")"};
}

std::string to_text(const Process& p) {
  return to_json(Config{{"host", p.host}, {"name", p.name}, {"id", p.id}, {"strata", p.version}});
}

Process process_of(const std::string& text) {
  const ConfigValue all = parse_json(text, "what another process says of itself");
  const Config& config = all.as_config();
  return {config.at("host").as_string(), config.at("name").as_string(), config.at("id").as_int(),
          config.at("strata").as_string()};
}

void check_versions(const std::vector<Process>& processes) {
  for (std::size_t r = 1; r < processes.size(); ++r)
    if (processes[r].version != processes[0].version)
      fail_expected("Strata on rank " + std::to_string(r) + " (" + processes[r].host + ")",
                    "version " + processes[0].version + ", as rank 0 has on " + processes[0].host,
                    processes[r].version);
}

}  // namespace strata::distribute
