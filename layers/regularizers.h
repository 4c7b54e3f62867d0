#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/graph/node.h"

namespace strata {

/// A penalty on a weight or an output: a scalar that joins the loss. Empty means none. From Keras's names ("l1", "l2",
/// "l1_l2", "L2"); an unknown name is an error: "Could not interpret regularizer identifier: foo".
class STRATA_API Regularizer {
 public:
  using Penalty = std::function<Value(const Value&)>;
  Regularizer() = default;
  Regularizer(const char* identifier);
  Regularizer(const std::string& identifier);
  Regularizer(std::string class_name, Config config, Penalty penalty)
      : class_name_(std::move(class_name)), config_(std::move(config)), penalty_(std::move(penalty)) {}

  explicit operator bool() const { return penalty_ != nullptr; }
  Value operator()(const Value& x) const { return penalty_(x); }
  const std::string& class_name() const { return class_name_; }
  const Config& config() const { return config_; }

 private:
  std::string class_name_;
  Config config_;
  Penalty penalty_;
};

/// As an object in Keras 3's spelling, null for none; from any of Keras's spellings, or an error.
STRATA_API ConfigValue to_config(const Regularizer&);
STRATA_API void from_config(const ConfigValue&, Regularizer&);
/// Makes a class of one's own known to files and to identifiers. `make` gets what Regularizer::config() held.
STRATA_API void register_regularizer(const std::string& class_name, std::function<Regularizer(const Config&)> make);
STRATA_API std::vector<std::string> regularizer_names();

/// Keras's regularizers. Factors are at least 0.
namespace regularizers {

/// l1 * sum(|x|)
STRATA_API Regularizer L1(double l1 = 0.01);
/// l2 * sum(x^2)
STRATA_API Regularizer L2(double l2 = 0.01);
/// Both.
STRATA_API Regularizer L1L2(double l1 = 0.0, double l2 = 0.0);
/// Pulls the rows (or the columns) of a matrix toward being orthogonal: factor times the mean of |cos| over all pairs.
STRATA_API Regularizer OrthogonalRegularizer(double factor = 0.01, const std::string& mode = "rows");

}  // namespace regularizers

}  // namespace strata
