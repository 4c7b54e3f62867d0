#include <atomic>
#include <csignal>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "tools/strata/commands.h"
#include "tools/strata/data_argument.h"
#include "tools/strata/device_argument.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct Arguments {
  ModelFile file;
  DataArgument data;
  DeviceArgument device;
  std::string output, batch_size = "32", checkpoint, tensorboard, csv;
  int epochs = 1, threads = 0, verbose = verbose_auto;
  std::int64_t seed = -1;
  double validation_split = 0, learning_rate = 0;
  bool resume = false, no_shuffle = false, show_memory = false;
};

std::atomic<bool> interrupted{false};
void on_interrupt(int) { interrupted = true; }

/// Turns Ctrl-C and a request to terminate into a stop after the current step. A second one ends the program at once.
class Interruption {
 public:
  Interruption() : watcher_([this](const std::stop_token& end) { watch(end); }) {
    std::signal(SIGINT, on_interrupt);
    std::signal(SIGTERM, on_interrupt);
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch(const std::stop_token& end) {
    while (!end.stop_requested() && !interrupted) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!interrupted) return;
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    stop_.request_stop();
  }
  std::stop_source stop_;
  std::jthread watcher_;
};

Callbacks make_callbacks(const Arguments& a) {
  Callbacks all;
  if (!a.checkpoint.empty()) {
    const std::filesystem::path folder(a.checkpoint), backup = folder / "backup";
    if (!a.resume && std::filesystem::exists(backup))
      throw UsageError(a.checkpoint + " holds the backup of a run that was cut off: go on with it (--resume) or remove " + backup.string());
    all.push_back(callbacks::ModelCheckpoint((folder / "epoch-{epoch:03d}.keras").string()));
    all.push_back(callbacks::BackupAndRestore(backup.string()));
  }
  if (!a.tensorboard.empty()) all.push_back(callbacks::TensorBoard(a.tensorboard, {.write_memory = a.show_memory}));
  if (!a.csv.empty()) all.push_back(callbacks::CSVLogger(a.csv, {.append = a.resume}));
  return all;
}

BatchSize batch_size(const Arguments& a) {
  return a.batch_size == "auto" ? BatchSize::automatic() : BatchSize(std::stoll(a.batch_size));
}

History train(const Arguments& a, Model& model, FitOptions options) {
  if (!a.data.is_folder()) {
    options.batch_size = batch_size(a);
    options.validation_split = a.validation_split;
    options.shuffle = !a.no_shuffle;
    const auto data = a.data.load(DataArgument::Part::train, model, !a.file.trusted);
    return model.fit(data.inputs(), data.targets(), options);
  }
  // A seed in any case: a run that is resumed must hold out the same images.
  if (batch_size(a).is_automatic())
    throw UsageError(
        "--batch-size auto is for data in one file; images in a folder are read batch by batch: give a number");
  data::ImageDatasetOptions images{.batch_size = batch_size(a).samples(),
                                   .shuffle = !a.no_shuffle,
                                   .seed = static_cast<std::uint64_t>(std::max<std::int64_t>(a.seed, 0)),
                                   .validation_split = a.validation_split,
                                   .verbose = a.verbose != 0};
  if (a.validation_split > 0) {
    images.subset = "validation";
    options.validation_data = a.data.images(model, images);
    images.subset = "training";
  }
  return model.fit(a.data.images(model, images), options);
}

void run(const Arguments& a) {
  if (a.resume && a.checkpoint.empty()) throw UsageError("--resume wants the folder of the run that was cut off: --checkpoint DIR");
  const std::string output = a.output.empty() ? a.file.path : a.output;
  config::set_num_threads(a.threads);
  const DeviceChoice choice = a.device.choose({.make = [&] { return a.file.load(true); }, .batch_size = batch_size(a).is_automatic() ? 32 : batch_size(a).samples()});
  if (a.verbose != 0) std::printf("%s\n", choice.line().c_str());
  const DeviceScope scope(choice.device);
  if (a.seed >= 0) utils::set_random_seed(static_cast<std::uint64_t>(a.seed));
  Model model = a.file.load(true);
  if (!model.compiled())
    throw Error(a.file.path, "holds no training settings: save it compiled, or start from `strata new`");
  if (a.learning_rate > 0) model.optimizer().set_learning_rate(a.learning_rate);
  const Interruption interruption;
  train(a, model,
        {.epochs = a.epochs, .verbose = a.verbose, .callbacks = make_callbacks(a), .show_memory = a.show_memory, .stop = interruption.token()});
  if (interruption.token().stop_requested() && !a.checkpoint.empty()) {
    std::printf("\nstopped after the current step; go on with --resume --checkpoint %s\n", a.checkpoint.c_str());
    return;
  }
  model.save(output);
  std::printf("%ssaved to %s\n", interruption.token().stop_requested() ? "\nstopped after the current step; " : "", output.c_str());
}

void add_options(CLI::App& command, Arguments& a) {
  a.file.add_to(command);
  a.data.add_to(command, true);
  command.add_option("--output", a.output, "where to save the trained model; default: FILE itself");
  command.add_option("--epochs", a.epochs, "passes over the data")->check(CLI::PositiveNumber)->capture_default_str();
  command.add_option("--batch-size", a.batch_size, "samples in a step, or auto: the most that fit into memory")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40, "NUMBER") | CLI::IsMember({"auto"}))
      ->capture_default_str();
  command
      .add_option("--validation-split", a.validation_split,
                  "share of the samples that is held out: the last ones, of images in a folder random ones")
      ->check(CLI::Range(0.0, 1.0));
  command.add_option("--learning-rate", a.learning_rate, "instead of the saved one")->check(CLI::PositiveNumber);
  a.device.add_to(command);
  command.add_option("--threads", a.threads, "processor threads; 0 means all")->check(CLI::NonNegativeNumber);
  command
      .add_option("--seed", a.seed,
                  "of the order of samples and of dropout; images in a folder are taken in that of 0 without one")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--no-shuffle", a.no_shuffle, "take the samples in the file's order");
  command.add_option("--checkpoint", a.checkpoint, "folder: the model after each epoch, and what --resume needs");
  command.add_flag("--resume", a.resume, "go on with the run of --checkpoint that was cut off");
  command.add_option("--tensorboard", a.tensorboard, "folder for TensorBoard's event files");
  command.add_flag("--show-memory", a.show_memory,
                   "memory in use on the device, and how busy it is: in the progress line, and for TensorBoard");
  command.add_option("--csv", a.csv, "file that gets a line of logs per epoch");
  command.add_option("--verbose", a.verbose, "0: silent; 1: a progress bar; 2: a line per epoch")->check(CLI::IsMember({0, 1, 2}));
}
}  // namespace

void add_fit(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("fit", "trains a saved, compiled model");
  const auto a = std::make_shared<Arguments>();
  add_options(*command, *a);
  command->footer(std::string(DataArgument::help) +
                  "\n\nExamples:\n  strata fit model.keras mnist --epochs 5 --batch-size 128\n"
                  "  strata fit model.keras data.npz --validation-split 0.1 --checkpoint run1 --tensorboard logs\n"
                  "  strata fit model.keras data.npz --validation-split 0.1 --checkpoint run1 --resume\n"
                  "  strata fit model.keras photos/train --validation-split 0.2");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
