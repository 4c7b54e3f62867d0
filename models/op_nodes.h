#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/graph/op_layer.h"

/// Plain operations between layers (`x * 2`, `NotEqual`) as Keras's files hold them: class names of keras.ops. Internal.
namespace strata {

/// One argument of a call in a file.
struct CallArgument {
  Symbol symbol = {};                    ///< defined for a tensor
  ConfigValue constant = {};             ///< else this, unless it is a list with tensors in it:
  std::vector<CallArgument> list = {};
};
using CallArguments = std::vector<CallArgument>;

/// An operation as files name it; `arguments` has an empty symbol in each place where a tensor stands.
struct OpDescription {
  std::string module, class_name;
  Config config;
  CallArguments arguments;
};

/// Whether files may name this operation; `module` may be empty, as in .h5.
STRATA_API bool is_op_class(const std::string& module, const std::string& class_name);
/// Error naming the operation when Keras has no word for it.
OpDescription describe_op(const OpLayer&);
/// Calls the operation on what a file's node says. Error naming the operation for arguments that do not fit.
Symbols call_op(const std::string& class_name, const Config& config, const CallArguments& arguments);

}  // namespace strata
