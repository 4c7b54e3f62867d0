#pragma once

#include <functional>
#include <string>

#include "core/base/config.h"
#include "core/graph/node.h"

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

}  // namespace strata
