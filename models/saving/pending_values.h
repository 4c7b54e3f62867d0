#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/graph/variable.h"
#include "models/saving/stored_tree.h"

namespace strata {

/// What a load will assign once everything has been checked: until then no variable changes.
class PendingValues {
 public:
  /// Reads a data set as the variable's next value, after its shape was compared. Error without a place for what does
  /// not fit: whoever calls knows the layer.
  void read(const StoredTree& file, const std::string& dataset, const Variable& variable);
  void add(const Variable& variable, Tensor value) { values_.emplace_back(variable, std::move(value)); }
  void append(PendingValues more);
  /// Cannot fail.
  void assign() const;

 private:
  std::vector<std::pair<Variable, Tensor>> values_;
};

}  // namespace strata
