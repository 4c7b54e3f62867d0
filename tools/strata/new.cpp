#include <map>

#include "tools/strata/commands.h"
#include "tools/strata/starter_networks.h"

namespace strata::tools {

namespace {
struct Arguments {
  std::string kind, output;
  std::vector<std::int64_t> input_shape = {28, 28, 1};
  std::int64_t classes = 10, seed = -1;
  double learning_rate = 1e-3;
};

const std::map<std::string, Sequential (*)(const Shape& sample, std::int64_t classes)> templates{
    {"cnn", starter_cnn}, {"linear", starter_linear}, {"mlp", starter_mlp}};

void run(const Arguments& a) {
  if (a.seed >= 0) utils::set_random_seed(static_cast<std::uint64_t>(a.seed));
  Sequential model = templates.at(a.kind)(Shape(a.input_shape), a.classes);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = a.learning_rate}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.save(a.output);
  model.summary();
  std::printf("saved to %s\n", a.output.c_str());
}
}  // namespace

void add_new(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("new", "writes a compiled, untrained model to start from");
  const auto a = std::make_shared<Arguments>();
  std::vector<std::string> kinds;
  for (const auto& [kind, make] : templates) kinds.push_back(kind);
  command->add_option("KIND", a->kind, "cnn: two convolutions and a dense layer; mlp: two dense layers; linear: none")
      ->required()->check(CLI::IsMember(kinds));
  command->add_option("OUT", a->output, "where to: .keras or .h5")->required();
  command->add_option("--input-shape", a->input_shape, "of one sample, as in 28,28,1")->delimiter(',')->capture_default_str();
  command->add_option("--classes", a->classes, "number of classes")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--learning-rate", a->learning_rate, "of the optimizer, Adam")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--seed", a->seed, "of the initial weights; without one they differ from run to run")->check(CLI::NonNegativeNumber);
  command->footer("Examples:\n  strata new cnn model.keras\n  strata new mlp model.keras --input-shape 32,32,3 --classes 100");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
