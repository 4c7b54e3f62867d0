#pragma once

#include <string>
#include <string_view>

#include "core/base/argument_fields.h"
#include "core/base/dtype.h"

namespace strata {

/// In which element types a layer keeps its weights and computes, by Keras's names: an element type ("float32",
/// "float16", ...) for both, or "mixed_float16" and "mixed_bfloat16" for weights in float32 and computation in 16 bits.
class STRATA_API DTypePolicy {
 public:
  /// Error for an unknown name, and for Keras's quantized policies.
  DTypePolicy(std::string_view name);
  DTypePolicy(const char* name) : DTypePolicy(std::string_view(name)) {}
  DTypePolicy(DType dtype) : DTypePolicy(keras_name(dtype)) {}

  const std::string& name() const { return name_; }
  DType compute_dtype() const { return compute_; }
  DType variable_dtype() const { return variable_; }
  friend bool operator==(const DTypePolicy& a, const DTypePolicy& b) { return a.name_ == b.name_; }

 private:
  std::string name_;
  DType compute_ = DType::f32, variable_ = DType::f32;
};

/// As Keras 3 writes it; read from the name alone, from the objects of Keras 2 and 3, and null, which changes nothing.
STRATA_API ConfigValue to_config(const DTypePolicy&);
STRATA_API void from_config(const ConfigValue&, DTypePolicy&);

/// The policy of layers that are made without one: "float32" until it is set. It is one setting for the process.
namespace mixed_precision {
STRATA_API void set_global_policy(const DTypePolicy&);
STRATA_API DTypePolicy global_policy();
}  // namespace mixed_precision

}  // namespace strata
