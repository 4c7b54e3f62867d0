#include "layers/dtype_policy.h"

#include <mutex>

#include "core/base/error.h"
#include "core/graph/class_registry.h"

namespace strata {

DTypePolicy::DTypePolicy(std::string_view name) : name_(name) {
  if (name == "mixed_float16" || name == "mixed_bfloat16") {
    compute_ = name == "mixed_float16" ? DType::f16 : DType::bf16;
    return;
  }
  try {
    compute_ = variable_ = dtype_from_string(name);
  } catch (const Error&) {
    fail_expected("dtype policy", "an element type, `mixed_float16` or `mixed_bfloat16`", "'" + name_ + "'");
  }
  name_ = keras_name(compute_);
}

ConfigValue to_config(const DTypePolicy& policy) {
  return ConfigObject{"keras", "DTypePolicy", {}, Config{{"name", policy.name()}}}.write();
}

void from_config(const ConfigValue& value, DTypePolicy& policy) {
  if (value.is_null()) return;
  const ConfigObject object = ConfigObject::read(value, "dtype policy");
  std::string name = object.class_name;
  if (!object.config.is_null()) {
    if (name != "DTypePolicy" && name != "Policy" && name != "FloatDTypePolicy")
      fail_expected("dtype policy", "a `DTypePolicy`", "'" + name + "'");
    from_config(object.arguments().at("name"), name);
  }
  policy = DTypePolicy(name);
}

namespace mixed_precision {
namespace {
struct Global {
  std::mutex mutex;
  DTypePolicy policy{"float32"};
};
Global& global() {
  static Global g;
  return g;
}
}  // namespace

void set_global_policy(const DTypePolicy& policy) {
  const std::lock_guard lock(global().mutex);
  global().policy = policy;
}

DTypePolicy global_policy() {
  const std::lock_guard lock(global().mutex);
  return global().policy;
}
}  // namespace mixed_precision

}  // namespace strata
