#include "tools/strata/commands.h"
#include "tools/strata/data_argument.h"
#include "tools/strata/device_argument.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct Arguments {
  ModelFile file;
  DataArgument data;
  std::string device, csv, svg;
  std::int64_t samples = 0;
  int threads = 0;
  CompareDevicesOptions options;
};

/// The model as it was saved. One without training settings gets some: `run` says so.
Model load(const Arguments& a, bool& has_settings) {
  Model model = a.file.load(true);
  has_settings = model.compiled();
  if (!has_settings) model.compile({.optimizer = "sgd", .loss = "mse"});
  return model;
}

void run(const Arguments& a) {
  const std::vector<Device> devices = devices_of_list(a.device);
  config::set_num_threads(a.threads);
  CompareDevicesOptions options = a.options;
  options.title = a.file.path;
  if (a.samples > 0) options.samples = a.samples;
  bool has_settings = true;
  const Model model = load(a, has_settings);
  if (!has_settings)
    std::printf("%s holds no training settings: compared with SGD and the mean squared error\n", a.file.path.c_str());
  DataArgument::Arrays arrays;
  if (a.data.given()) arrays = a.data.sample(DataArgument::Part::train, model, !a.file.trusted, 4 * options.batch_size);
  const DeviceComparison result =
      compare_devices([&] { return load(a, has_settings); }, devices, arrays.inputs(), arrays.targets(), options);
  std::printf("%s", result.table().c_str());
  if (!a.csv.empty()) result.write_csv(a.csv);
  if (!a.svg.empty()) result.write_svg(a.svg);
}

void add_options(CLI::App& command, Arguments& a) {
  a.file.add_to(command);
  a.data.add_to(command, true, false);
  command.add_option("--device", a.device,
                     "devices with commas between them, as cpu:0,gpu:0; default: cpu:0, and gpu:0 if there is one");
  command.add_option("--batch-size", a.options.batch_size, "samples in a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--steps", a.options.steps, "timed steps on each device")
      ->check(CLI::Range(10, 1000000))
      ->capture_default_str();
  command.add_option("--epochs", a.options.epochs, "predict the time of this many epochs")->check(CLI::PositiveNumber);
  command.add_option("--samples", a.samples, "of an epoch, for that prediction; default: as many as the data has")
      ->check(CLI::PositiveNumber);
  command.add_option("--threads", a.threads, "processor threads; 0 means all")->check(CLI::NonNegativeNumber);
  command.add_option("--seed", a.options.seed, "of the order of samples, of dropout and of random data")
      ->capture_default_str();
  command.add_option("--csv", a.csv, "write the numbers to this file");
  command.add_option("--svg", a.svg, "draw a chart into this file");
}
}  // namespace

void add_compare(CLI::App& strata) {
  CLI::App* command =
      strata.add_subcommand("compare", "trains a saved model on several devices, side by side, and measures");
  const auto a = std::make_shared<Arguments>();
  add_options(*command, *a);
  command->footer("Without DATA the model gets random numbers. The file stays as it is.\n\n" +
                  std::string(DataArgument::help) +
                  "\n\nExamples:\n  strata compare model.keras --device cpu:0,gpu:0 --svg chart.svg\n"
                  "  strata compare model.keras mnist --batch-size 128 --epochs 10 --csv numbers.csv");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
