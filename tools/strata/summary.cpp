#include "tools/strata/commands.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct Arguments {
  ModelFile file;
  SummaryOptions options;
  bool json = false;
};

void run(const Arguments& a) {
  const Model model = a.file.load(true);
  if (a.json)
    std::printf("%s\n", to_json(to_config(model), 1).c_str());
  else
    model.summary(a.options);
}
}  // namespace

void add_summary(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("summary", "prints a model's layers, shapes and parameters");
  const auto a = std::make_shared<Arguments>();
  a->file.add_to(*command);
  command->add_option("--line-length", a->options.line_length, "width of the table")->check(CLI::Range(40, 1000));
  command->add_flag("--expand-nested", a->options.expand_nested, "show the layers of models inside the model");
  command->add_flag("--show-trainable", a->options.show_trainable, "add a column that says which layers are trained");
  command->add_flag("--json", a->json, "print the model's configuration instead");
  command->footer("Examples:\n  strata summary model.keras\n  strata summary old.h5 --expand-nested --show-trainable");
  command->callback([a] { run(*a); });
}

}  // namespace strata::tools
