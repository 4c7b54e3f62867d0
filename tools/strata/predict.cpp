#include "tools/strata/commands.h"
#include "tools/strata/data_argument.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct PredictArguments {
  ModelFile file;
  DataArgument data;
  std::string output;
  std::int64_t batch_size = 32;
};

Tensors outputs_for(const PredictArguments& a, Model& model) {
  if (a.data.is_folder()) return model.predict(a.data.images(model, {.batch_size = a.batch_size, .shuffle = false}));
  return model.predict(a.data.load(DataArgument::Part::test, model, !a.file.trusted).inputs(),
                       {.batch_size = a.batch_size, .verbose = 0});
}

void predict(const PredictArguments& a) {
  if (!a.output.ends_with(".npy") && !a.output.ends_with(".npz"))
    throw UsageError("predict: OUT must end in .npy (one output) or .npz; received " + a.output);
  Model model = a.file.load(false);
  const Tensors outputs = outputs_for(a, model);
  const std::vector<std::string> names = model.output_names();
  if (a.output.ends_with(".npy")) {
    if (outputs.size() != 1)
      throw UsageError("predict: the model has " + std::to_string(outputs.size()) + " outputs, which want a .npz file");
    data::save_npy(a.output, outputs[0]);
  } else {
    data::NamedArrays named;
    for (std::size_t i = 0; i < outputs.size(); ++i) named.emplace_back(names[i], outputs[i]);
    data::save_npz(a.output, named);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i)
    std::printf("%s: %s\n", names[i].c_str(), to_string(outputs[i].type()).c_str());
  std::printf("written to %s\n", a.output.c_str());
}

struct EvaluateArguments {
  ModelFile file;
  DataArgument data;
  std::int64_t batch_size = 32;
  int verbose = verbose_auto;
};

Logs measures_of(const EvaluateArguments& a, Model& model) {
  if (a.data.is_folder())
    return model.evaluate(
        a.data.images(model, {.batch_size = a.batch_size, .shuffle = false, .verbose = a.verbose != 0}),
        {.verbose = a.verbose});
  const auto data = a.data.load(DataArgument::Part::test, model, !a.file.trusted);
  return model.evaluate(data.inputs(), data.targets(), {.batch_size = a.batch_size, .verbose = a.verbose});
}

void evaluate(const EvaluateArguments& a) {
  Model model = a.file.load(true);
  if (!model.compiled()) throw Error(a.file.path, "holds no training settings, so there is no loss to compute");
  const Logs logs = measures_of(a, model);
  for (const auto& [name, value] : logs) std::printf("%s %.6g\n", name.c_str(), value);
}
}  // namespace

void add_predict(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("predict", "computes a model's outputs and writes them to a file");
  const auto a = std::make_shared<PredictArguments>();
  a->file.add_to(*command);
  a->data.add_to(*command, false);
  command->add_option("OUT", a->output, "where to: .npy, or .npz with one array for each output")->required();
  command->add_option("--batch-size", a->batch_size, "samples computed at once")->check(CLI::PositiveNumber)->capture_default_str();
  command->footer(std::string(DataArgument::help) +
                  "\n\nExamples:\n  strata predict model.keras images.npy outputs.npy\n  strata predict model.h5 data.npz outputs.npz --x images");
  command->callback([a] { predict(*a); });
}

void add_evaluate(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("evaluate", "prints a model's loss and metrics on data");
  const auto a = std::make_shared<EvaluateArguments>();
  a->file.add_to(*command);
  a->data.add_to(*command, true);
  command->add_option("--batch-size", a->batch_size, "samples computed at once")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--verbose", a->verbose, "0: only the result; 1: a progress bar")->check(CLI::IsMember({0, 1}));
  command->footer(
      std::string(DataArgument::help) +
      "\n\nExamples:\n  strata evaluate model.keras mnist\n  strata evaluate model.h5 inputs.npy --targets labels.npy\n"
      "  strata evaluate model.keras photos/test");
  command->callback([a] { evaluate(*a); });
}

}  // namespace strata::tools
