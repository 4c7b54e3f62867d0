#include "tools/strata/model_file.h"

namespace strata::tools {

void ModelFile::add_to(CLI::App& command, const char* name) {
  command.add_option(name, path, "a model: .keras or .h5")->required();
  if (command.get_option_no_throw("--trusted") == nullptr)
    command.add_flag("--trusted", trusted, "read the file in this process, not in a child with limits: faster for large ones");
}

Model ModelFile::load(bool compile) const { return load_model(path, {.compile = compile, .isolated = !trusted}); }

}  // namespace strata::tools
