#include "examples/command_line.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>

using namespace strata;

namespace examples {

namespace {

std::atomic<bool> interrupted{false};
void on_interrupt(int) { interrupted = true; }

}  // namespace

void add_common_options(CLI::App& app, Common& common) {
  app.add_option("--device", common.device,
                 "where to compute: cpu, gpu, gpu:1, ..., or auto, which times a few steps where there are several; "
                 "default: what STRATA_DEVICE says, or auto");
  app.add_option("--threads", common.threads, "processor threads; 0 means all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", common.seed, "of everything that is drawn at random")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.set_version_flag("--version", std::string(version()));
}

void add_precision_option(CLI::App& app, std::string& precision) {
  app.add_option("--precision", precision, "what to compute in: float32, or 16 bits with weights in float32")
      ->check(CLI::IsMember({"float32", "mixed_bfloat16", "mixed_float16"}))
      ->capture_default_str();
}

void add_batch_size_option(CLI::App& app, std::string& text, const std::string& meaning) {
  app.add_option("--batch-size", text, meaning)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40, "NUMBER") | CLI::IsMember({"auto"}))
      ->capture_default_str();
}

BatchSize batch_size(const std::string& text) {
  return text == "auto" ? BatchSize::automatic() : BatchSize(std::stoll(text));
}

int run_on_device(const Common& common, const ChooseDeviceOptions& options, const std::function<void()>& body) {
  config::set_num_threads(common.threads);
  std::optional<DeviceChoice> choice;
  try {
    choice = choose_device(common.device, options);
  } catch (const Error& e) {
    std::fprintf(stderr, "--device %s: %s\n", common.device.c_str(), e.what());
    return 2;
  }
  std::printf("%s\n", choice->line().c_str());
  std::fflush(stdout);
  const DeviceScope scope(choice->device);
  utils::set_random_seed(static_cast<std::uint64_t>(common.seed));
  body();
  return 0;
}

int main_of(CLI::App& app, int argc, char** argv, const std::function<int()>& run) {
  try {
    app.parse(argc, argv);
    return run();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), e.what());
    return 1;
  }
}

Interruption::Interruption() : watcher_([this](const std::stop_token& end) { watch(end); }) {
  std::signal(SIGINT, on_interrupt);
}

void Interruption::watch(const std::stop_token& end) {
  while (!end.stop_requested() && !interrupted) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (!interrupted) return;
  std::signal(SIGINT, SIG_DFL);
  stop_.request_stop();
}

}  // namespace examples
