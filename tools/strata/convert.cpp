#include <filesystem>
#include <fstream>

#include "tools/strata/commands.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct Arguments {
  ModelFile file;
  std::string output, weights;
  bool no_optimizer = false;
};

void write_config(const Model& model, const std::string& output) {
  std::ofstream file(output, std::ios::binary);
  file << to_json(to_config(model), 1) << '\n';
  file.close();
  if (!file) throw Error(output, "could not be written");
}

void run(const Arguments& a) {
  const bool weights = a.output.ends_with(".weights.h5"), json = a.output.ends_with(".json");
  if (!weights && !json && !a.output.ends_with(".keras") && !a.output.ends_with(".h5"))
    throw UsageError("convert: OUT must end in .keras, .h5, .weights.h5 or .json; received " + a.output);
  if (json && !a.weights.empty()) throw UsageError("convert: a .json file holds no weights, so --weights has no use");
  Model model = a.file.load(!a.no_optimizer && !json);
  if (!a.weights.empty()) model.load_weights(a.weights, {.isolated = !a.file.trusted});
  if (json)
    write_config(model, a.output);
  else if (weights)
    model.save_weights(a.output);
  else
    model.save(a.output, {.include_optimizer = !a.no_optimizer});
  std::printf("%s (%lld parameters) written to %s\n", model.name().c_str(), static_cast<long long>(model.count_params()), a.output.c_str());
}
}  // namespace

void add_convert(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("convert", "writes a model in another format");
  const auto a = std::make_shared<Arguments>();
  a->file.add_to(*command, "IN");
  command->add_option("OUT", a->output, ".keras (Keras 3), .h5 (Keras 2 and 3), .weights.h5 (weights alone) or .json (layers alone)")->required();
  command->add_option("--weights", a->weights, "take the weights from this file instead; a .weights.h5 brings the optimizer's state along");
  command->add_flag("--no-optimizer", a->no_optimizer, "leave out training settings and the optimizer's state");
  command->footer("Examples:\n  strata convert old.h5 model.keras\n  strata convert model.keras model.weights.h5 --no-optimizer\n"
                  "  strata convert model.keras trained.keras --weights best.weights.h5");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
