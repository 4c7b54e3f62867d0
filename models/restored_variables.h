#pragma once

#include <vector>

#include "core/graph/variable.h"

namespace strata {

/// Puts variables back to what they were when it was made: steps can be tried out and leave no trace.
class RestoredVariables {
 public:
  explicit RestoredVariables(Variables variables) : variables_(std::move(variables)) {
    for (const Variable& v : variables_) values_.push_back(v.value().clone());
  }
  RestoredVariables(const RestoredVariables&) = delete;
  RestoredVariables& operator=(const RestoredVariables&) = delete;
  ~RestoredVariables() {
    for (std::size_t i = 0; i < variables_.size(); ++i) variables_[i].assign(values_[i]);
  }

 private:
  Variables variables_;
  Tensors values_;
};

}  // namespace strata
