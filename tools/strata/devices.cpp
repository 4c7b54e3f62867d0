#include <strata/strata.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "tools/strata/commands.h"

namespace strata::tools {

namespace {
struct Wishes {
  bool processes = false, watch = false;
};

std::string gibibytes(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(bytes) / (1 << 30));
  return text;
}

void add(std::string& line, const std::string& part) { line += (line.empty() ? "" : ", ") + part; }

/// "memory 11.2 of 15.4 GiB free, load 3 %, 34 C, 345 of 1980 MHz, 71 W", as far as it is known.
std::string numbers(const DeviceState& s) {
  std::string line;
  if (s.memory_free && s.memory_total)
    add(line, "memory " + gibibytes(*s.memory_free) + " of " + gibibytes(*s.memory_total) + " GiB free");
  else if (s.memory_total)
    add(line, "memory " + gibibytes(*s.memory_total) + " GiB");
  if (s.load) add(line, "load " + std::to_string(*s.load) + " %");
  if (s.temperature) add(line, std::to_string(*s.temperature) + " C");
  if (s.clock)
    add(line, std::to_string(*s.clock) + (s.highest_clock ? " of " + std::to_string(*s.highest_clock) : "") + " MHz");
  if (s.power) add(line, std::to_string(*s.power) + " W");
  return line;
}

/// "NVIDIA H100, compute capability 9.0, at 0000:01:00.0, nvidia-smi's number 0"
std::string title(const DeviceState& s) {
  std::string line = s.description;
  const bool gpu = !s.bus.empty();
  if (!s.compute_capability.empty()) add(line, (gpu ? "compute capability " : "") + s.compute_capability);
  if (gpu) add(line, "at " + s.bus);
  if (s.physical_index) add(line, "nvidia-smi's number " + std::to_string(*s.physical_index));
  if (s.name.empty()) add(line, "not used by this process");
  return line;
}

void print_processes(const DeviceMonitor& monitor, const DeviceState& state) {
  const auto processes = monitor.processes(state);
  if (processes.empty()) std::printf("       no process holds memory of it, as far as the driver says\n");
  for (const DeviceProcess& p : processes)
    std::printf("       %8d  %8s GiB  %s\n", p.pid, p.bytes ? gibibytes(*p.bytes).c_str() : "?",
                p.name.empty() ? "?" : p.name.c_str());
}

void print_states(DeviceMonitor& monitor, const Wishes& wishes) {
  for (const DeviceState& state : monitor.states()) {
    std::printf("%-6s %s\n", state.name.empty() ? "-" : state.name.c_str(), title(state).c_str());
    std::printf("       %s\n", numbers(state).c_str());
    if (wishes.processes && !state.bus.empty()) print_processes(monitor, state);
  }
  std::fflush(stdout);
}

/// Once a second until Ctrl-C or the end of the terminal. Signals are waited for, not caught, so nothing is left half
/// printed.
void watch(DeviceMonitor& monitor, const Wishes& wishes) {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, signal);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const timespec second{1, 0};
  do {
    if (terminal) std::printf("\033[H\033[J");  // the cursor to the top, and nothing below it
    print_states(monitor, wishes);
  } while (sigtimedwait(&ends, nullptr, &second) < 0 && std::ferror(stdout) == 0);
}

void print_all(const Wishes& wishes) {
  DeviceMonitor monitor;
  monitor.states();  // the processor's load is that between two looks
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (wishes.watch) {
    watch(monitor, wishes);
    return;
  }
  print_states(monitor, wishes);
  std::string software;
  for (const auto& [what, version] : config::gpu_software()) add(software, what + " " + version);
  if (!software.empty()) std::printf("%s\n", software.c_str());
  const std::string why = config::why_no_gpu();
  if (!why.empty()) std::printf("no GPU: %s\n", why.c_str());
  if (wishes.processes && why.empty() && !monitor.problem().empty())
    std::printf("processes are not known: %s\n", monitor.problem().c_str());
}
}  // namespace

void add_devices(CLI::App& strata) {
  CLI::App* command =
      strata.add_subcommand("devices", "lists what can compute here and what it is doing, and why a GPU cannot");
  const auto wishes = std::make_shared<Wishes>();
  command->add_flag("--processes", wishes->processes, "also who holds each GPU's memory: process, GiB, program");
  command->add_flag("--watch", wishes->watch, "again every second, until Ctrl-C");
  command->footer(
      "gpu:0, gpu:1, ... count what CUDA_VISIBLE_DEVICES leaves; nvidia-smi's number counts all GPUs of the "
      "machine.\n\n"
      "Examples:\n  strata devices\n  strata devices --watch --processes");
  command->callback([wishes] { print_all(*wishes); });
}

}  // namespace strata::tools
