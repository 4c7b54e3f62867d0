#include <cmath>
#include <limits>

#include "tools/strata/commands.h"
#include "tools/strata/model_file.h"

namespace strata::tools {

namespace {
struct Arguments {
  ModelFile first, second;
  double tolerance = 0;
};

/// Counts and prints what differs.
class Difference {
 public:
  explicit Difference(double tolerance) : tolerance_(tolerance) {}
  int count() const { return count_; }

  /// Keys of two configs, however deep.
  void configs(const std::string& where, const ConfigValue& a, const ConfigValue& b) {
    if (a == b) return;
    const auto *left = std::get_if<Config>(&a.variant()), *right = std::get_if<Config>(&b.variant());
    if (!left || !right) return report(where + ": " + to_json(a) + " | " + to_json(b));
    for (const auto& [key, value] : left->items())
      if (!right->contains(key))
        report(where + "." + key + ": only in the first: " + to_json(value));
      else
        configs(where + "." + key, value, right->at(key));
    for (const auto& [key, value] : right->items())
      if (!left->contains(key)) report(where + "." + key + ": only in the second: " + to_json(value));
  }

  void variables(const std::string& what, const Variables& a, const Variables& b) {
    if (a.size() != b.size())
      return report(what + ": " + std::to_string(a.size()) + " | " + std::to_string(b.size()));
    for (std::size_t i = 0; i < a.size(); ++i) values(what + " " + a[i].path(), a[i].value(), b[i].value());
  }

  void report(const std::string& line) {
    std::printf("%s\n", line.c_str());
    ++count_;
  }

 private:
  void values(const std::string& where, const Tensor& a, const Tensor& b) {
    if (a.shape() != b.shape()) return report(where + ": " + to_string(a.type()) + " | " + to_string(b.type()));
    const Tensor left = cast(a, DType::f64), right = cast(b, DType::f64);
    const auto x = left.data<double>(), y = right.data<double>();
    double largest = 0, size = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i]) && std::isnan(y[i])) continue;
      const double gap = x[i] == y[i] ? 0 : std::fabs(x[i] - y[i]);
      largest = std::isnan(gap) ? std::numeric_limits<double>::infinity() : std::max(largest, gap);
      size = std::max(size, std::fabs(x[i]));
    }
    if (largest <= tolerance_ * (size > 0 ? size : 1)) return;
    char text[80];
    std::snprintf(text, sizeof text, ": differs by up to %.3g (largest value %.3g)", largest, size);
    report(where + text);
  }

  double tolerance_;
  int count_ = 0;
};

/// Its settings but for its name, which files in Keras 2's layout do not keep.
ConfigValue unnamed(const Optimizer& optimizer) {
  Config config{{"class_name", optimizer.class_name()}};
  const Config own = optimizer.config();
  for (const auto& [key, value] : own.items())
    if (key != "name") config.set(key, value);
  return config;
}

void compare_layers(Difference& difference, const Model& a, const Model& b) {
  const Layers left = a.layers(), right = b.layers();
  if (left.size() != right.size())
    difference.report("layers: " + std::to_string(left.size()) + " | " + std::to_string(right.size()));
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    if (left[i].class_name() != right[i].class_name())
      difference.report("layer " + std::to_string(i) + ": " + left[i].class_name() + " | " + right[i].class_name());
    else
      difference.configs(left[i].name(), left[i].config(), right[i].config());
  }
}

void run(const Arguments& a) {
  const Model first = a.first.load(true), second = a.second.load(true);
  Difference difference(a.tolerance);
  compare_layers(difference, first, second);
  difference.variables("weights", first.weights(), second.weights());
  if (first.compiled() != second.compiled())
    difference.report(std::string("compiled: ") + (first.compiled() ? "yes | no" : "no | yes"));
  if (first.compiled() && second.compiled()) {
    difference.configs("optimizer", unnamed(first.optimizer()), unnamed(second.optimizer()));
    difference.variables("optimizer", first.optimizer().variables(), second.optimizer().variables());
  }
  if (difference.count() > 0) throw Error("diff", std::to_string(difference.count()) + " differences");
  std::printf("no differences\n");
}
}  // namespace

void add_diff(CLI::App& strata) {
  CLI::App* command = strata.add_subcommand("diff", "compares two models: layers, weights, optimizer; status 1 if they differ");
  const auto a = std::make_shared<Arguments>();
  a->first.add_to(*command, "A");
  a->second.add_to(*command, "B");
  command->add_option("--tolerance", a->tolerance, "differences of weights up to this share of the largest value are none")
      ->check(CLI::NonNegativeNumber)->capture_default_str();
  command->footer("Examples:\n  strata diff before.keras after.keras\n  strata diff model.keras model.h5 --tolerance 1e-6");
  command->callback([a] {
    a->second.trusted = a->first.trusted;
    run(*a);
  });
}

}  // namespace strata::tools
