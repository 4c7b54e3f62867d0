#include <strata/strata.h>

#include <cstdio>

#include "tools/strata/commands.h"
#include "tools/strata/device_checks.h"

namespace strata::tools {

namespace {
using State = GpuFinding::State;

void print_line(State state, const std::string& what, const std::string& detail) {
  const char* const word = state == State::passed ? "passed" : state == State::failed ? "failed" : "not reached";
  std::printf("  %-11s  %-38s  %s\n", word, what.c_str(), detail.c_str());
  std::fflush(stdout);  // what comes next may take a while, or not come back
}

/// What a GPU needs; whether all of it is there.
bool print_findings() {
  std::printf("What a GPU needs\n");
  bool usable = true;
  for (const GpuFinding& f : config::gpu_findings(GpuProbes::use)) {
    print_line(f.state, f.what, f.found);
    if (!f.advice.empty()) std::printf("  %-11s  %-38s  to do: %s\n", "", "", f.advice.c_str());
    usable = usable && (f.state == State::passed || !f.needed);
  }
  return usable;
}

bool print_checks(const std::string& name) {
  std::printf("Work on %s\n", name.c_str());
  return check_device(device_from_string(name),
                      [](const DeviceCheck& check) { print_line(check.state, check.what, check.detail); });
}

void examine(const std::vector<std::string>& asked) {
  std::vector<std::string> devices = asked;
  if (asked.empty())
    for (const PhysicalDevice& device : config::list_physical_devices()) devices.push_back(device.name);
  bool passed = !asked.empty() || print_findings();
  for (const std::string& name : devices) passed = print_checks(name) && passed;
  if (asked.empty() && config::list_physical_devices("gpu").empty()) {
    std::printf("Work on a GPU\n");
    print_line(State::not_reached, "all of it", "waits for what failed above");
    passed = false;
  }
  if (!passed) throw Error("something failed or was not reached; each line above that says so has the reason");
}
}  // namespace

void add_doctor(CLI::App& strata) {
  CLI::App* command =
      strata.add_subcommand("doctor", "looks for what a GPU needs, then tries the work of training on each device");
  const auto devices = std::make_shared<std::vector<std::string>>();
  command->add_option("--device", *devices, "try the work on this device only, cpu:0 or gpu:0; may be repeated");
  command->footer(R"(Looks at driver, libraries, versions and devices, and says of all that is missing what to do. Then
each device does an allocation, a matrix product, a convolution and its gradients, a batch normalization,
an optimizer's step, a recorded step and some training, each compared with the CPU's plain kernels. Exit
status 0 when all passed, on a GPU too.

Examples:
  strata doctor
  strata doctor --device cpu:0)");
  command->callback([devices] { examine(*devices); });
}

}  // namespace strata::tools
