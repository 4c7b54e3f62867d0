#pragma once

#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

/// What the examples with a command line have in common.
namespace examples {

struct Common {
  std::string device;
  int threads = 0;
  std::int64_t seed = 1;
};
/// --device, --threads, --seed and --version.
void add_common_options(CLI::App& app, Common& common);

/// --precision float32|mixed_bfloat16|mixed_float16, into `precision`.
void add_precision_option(CLI::App& app, std::string& precision);

/// --batch-size, a number or auto, into `text`, which holds the default.
void add_batch_size_option(CLI::App& app, std::string& text, const std::string& meaning);
strata::BatchSize batch_size(const std::string& text);

/// Chooses the device, prints its line, and runs `body` there with the threads and the seed asked for. The status to
/// leave the program with: 2, and the reason on stderr, where the device cannot be used.
int run_on_device(const Common& common, const strata::ChooseDeviceOptions& options, const std::function<void()>& body);

/// Parses the command line and calls `run`. The program's exit status: 2 for a wrong command line; 1, and the message
/// on stderr, for an exception.
int main_of(CLI::App& app, int argc, char** argv, const std::function<int()>& run);

/// While it lives, Ctrl-C is a request to stop after the current step. A second Ctrl-C ends the program at once.
class Interruption {
 public:
  Interruption();
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch(const std::stop_token& end);
  std::stop_source stop_;
  std::jthread watcher_;
};

}  // namespace examples
