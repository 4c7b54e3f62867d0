// What the library knows by name, one `KIND NAME` to a line, for keras_names.py: the classes of each registry, then
// those of the arguments KIND:NAME that are understood where a program gives a name ("mse").
#include <strata/strata.h>

#include <cstdio>
#include <string>

namespace {
using Names = std::vector<std::string>;

void print(const char* kind, const Names& names) {
  for (const std::string& name : names) std::printf("%s %s\n", kind, name.c_str());
}

template <class T>
bool makes(const std::string& identifier) {
  try {
    static_cast<void>(T(identifier));
    return true;
  } catch (const strata::Error&) {
    return false;
  }
}

bool is_understood(const std::string& kind, const std::string& name) {
  if (kind == "activation") return makes<strata::Activation>(name);
  if (kind == "initializer") return makes<strata::Initializer>(name);
  if (kind == "regularizer") return makes<strata::Regularizer>(name);
  if (kind == "constraint") return makes<strata::Constraint>(name);
  if (kind == "optimizer") return makes<strata::Optimizer>(name);
  if (kind == "loss") return makes<strata::Loss>(name);
  if (kind == "metric") return makes<strata::Metric>(name);
  throw strata::Error("keras_names", "there are no names of the kind '" + kind + "'");
}
}  // namespace

int main(int argc, char** argv) {
  print("layer", strata::layer_names());
  print("activation", strata::activation_names());
  print("initializer", strata::initializer_names());
  print("regularizer", strata::regularizer_names());
  print("constraint", strata::constraint_names());
  print("optimizer", strata::optimizer_names());
  print("schedule", strata::optimizers::schedules::schedule_names());
  print("loss", strata::loss_names());
  print("metric", strata::metric_names());
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t colon = argument.find(':');
    const std::string kind = argument.substr(0, colon), name = argument.substr(colon + 1);
    if (is_understood(kind, name)) std::printf("%s \"%s\"\n", kind.c_str(), name.c_str());
  }
}
