#pragma once

#include <functional>
#include <optional>
#include <string>

#include "models/op_nodes.h"

namespace strata {

/// How one class of operations is written and read.
struct OpClass {
  std::string module, class_name;
  std::function<std::optional<OpDescription>(const OpLayer&)> describe;  // nothing if it is of another class
  std::function<Symbols(const std::string& name, const Config&, const CallArguments&)> call;
};

/// "operation Take 'pick'", for errors.
std::string where_of(const char* class_name, const std::string& name);

/// x[...]: slices and positions.
OpClass get_item_class();

}  // namespace strata
