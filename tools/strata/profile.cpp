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
  std::string trace, json;
  int threads = 0;
  bool inference = false, kernels = false;
  ProfileOptions options;
};

void run(const Arguments& a) {
  const DeviceChoice choice = a.device.choose();
  std::printf("%s\n\n", choice.line().c_str());
  const DeviceScope scope(choice.device);
  config::set_num_threads(a.threads);
  Model model = a.file.load(true);
  if (!model.compiled())
    throw Error(a.file.path, "holds no training settings: save it compiled, or start from `strata new`");
  const auto data = a.data.sample(DataArgument::Part::train, model, !a.file.trusted, a.options.batch_size);
  ProfileOptions options = a.options;
  options.mode = a.inference ? Mode::infer : Mode::train;
  const StepProfile profile = model.profile(data.inputs(), data.targets(), options);
  std::printf("%s", a.kernels ? profile.kernel_table().c_str() : profile.table().c_str());
  if (!a.json.empty()) {
    profile.write_json(a.json);
    std::printf("\nwritten to %s\n", a.json.c_str());
  }
  if (!a.trace.empty()) {
    profile.write_trace(a.trace);
    std::printf("\nwritten to %s: open it in chrome://tracing or ui.perfetto.dev\n", a.trace.c_str());
  }
}
}  // namespace

void add_profile(CLI::App& strata) {
  CLI::App* command =
      strata.add_subcommand("profile", "shows where the time of a model's training step goes, by layer and op");
  const auto a = std::make_shared<Arguments>();
  a->file.add_to(*command);
  a->data.add_to(*command, true);
  a->device.add_to(*command);
  command->add_option("--batch-size", a->options.batch_size, "samples in a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--steps", a->options.steps, "that are measured")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--warmup", a->options.warmup, "steps before them")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--inference", a->inference, "steps of evaluate instead of training");
  command->add_option("--threads", a->threads, "processor threads; 0 means all")->check(CLI::NonNegativeNumber);
  command->add_flag("--kernels", a->kernels,
                    "lists each kernel in the order in which they run, instead of layers and ops");
  command->add_option("--json", a->json, "file for all numbers (JSON)");
  command->add_option("--trace", a->trace, "file for all measured steps in Chrome's trace format (JSON)");
  command->footer(std::string(DataArgument::help) +
                  "\n\nGFLOP/s are those of products and convolutions. roofline: the share of what the device reached "
                  "at the start, in a large product or in a pass over memory, whichever limits the kernel."
                  "\n\nExamples:\n  strata profile model.keras mnist --batch-size 128\n  strata profile model.keras "
                  "data.npz --trace step.json");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
