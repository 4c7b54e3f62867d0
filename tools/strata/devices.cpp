#include "tools/strata/commands.h"

#include <strata/strata.h>

namespace strata::tools {

void add_devices(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("devices", "lists what can compute here, and why a GPU cannot");
  command->footer("Example:\n  strata devices");
  command->callback([] {
    for (const auto& device : config::list_physical_devices()) std::printf("%s\n", device.name.c_str());
    if (config::list_physical_devices("gpu").empty()) std::printf("no GPU: %s\n", config::why_no_gpu().c_str());
  });
}

}  // namespace strata::tools
