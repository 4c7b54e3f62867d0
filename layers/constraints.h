#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/graph/node.h"
#include "layers/arguments.h"

namespace strata {

/// What a weight is mapped to after each optimizer update. Empty means none. From Keras's names ("max_norm", "MaxNorm",
/// "non_neg", ...); an unknown name is an error: "Could not interpret constraint identifier: foo".
class STRATA_API Constraint {
 public:
  using Projection = std::function<Value(Value)>;
  Constraint() = default;
  Constraint(const char* identifier);
  Constraint(const std::string& identifier);
  Constraint(std::string class_name, Config config, Projection projection)
      : class_name_(std::move(class_name)), config_(std::move(config)), projection_(std::move(projection)) {}

  explicit operator bool() const { return projection_ != nullptr; }
  const Projection& projection() const { return projection_; }
  const std::string& class_name() const { return class_name_; }
  const Config& config() const { return config_; }

 private:
  std::string class_name_;
  Config config_;
  Projection projection_;
};

/// As an object in Keras 3's spelling, null for none; from any of Keras's spellings, or an error.
STRATA_API ConfigValue to_config(const Constraint&);
STRATA_API void from_config(const ConfigValue&, Constraint&);
/// Makes a class of one's own known to files and to identifiers. `make` gets what Constraint::config() held.
STRATA_API void register_constraint(const std::string& class_name, std::function<Constraint(const Config&)> make);
STRATA_API std::vector<std::string> constraint_names();

/// Keras's constraints. Norms are taken along `axis`: 0 for the inputs of a dense kernel, {0, 1, 2} for a
/// convolution's.
namespace constraints {

struct MaxNormOptions {
  double max_value = 2.0;
  AxisArgument axis = 0;
};
struct UnitNormOptions {
  AxisArgument axis = 0;
};
struct MinMaxNormOptions {
  double min_value = 0.0, max_value = 1.0;
  double rate = 1.0;  ///< how far a norm moves toward the interval in one update
  AxisArgument axis = 0;
};

STRATA_API Constraint MaxNorm(const MaxNormOptions& = {});
STRATA_API Constraint NonNeg();
STRATA_API Constraint UnitNorm(const UnitNormOptions& = {});
STRATA_API Constraint MinMaxNorm(const MinMaxNormOptions& = {});

}  // namespace constraints

}  // namespace strata
