#pragma once

#include <optional>
#include <string>

#include "core/base/config.h"
#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/constraints.h"
#include "layers/initializers.h"
#include "layers/regularizers.h"

/// Arguments as Keras 3 writes them into a layer's config. Internal.
namespace strata::layers {

/// An object of a Keras module: its class name and its own config.
inline ConfigValue object_config(const char* module, const std::string& class_name, const Config& config) {
  return Config{{"module", module}, {"class_name", class_name}, {"config", config}, {"registered_name", nullptr}};
}
inline ConfigValue to_config(const Initializer& i) {
  return object_config("keras.initializers", i.class_name(), i.config());
}
inline ConfigValue to_config(const Regularizer& r) {
  return r ? object_config("keras.regularizers", r.class_name(), r.config()) : ConfigValue(nullptr);
}
inline ConfigValue to_config(const Constraint& c) {
  return c ? object_config("keras.constraints", c.class_name(), c.config()) : ConfigValue(nullptr);
}
inline ConfigValue to_config(const strata::Activation& a) { return a.name(); }
inline ConfigValue to_config(const Size2& s) { return ConfigValue::List{s.height, s.width}; }
inline ConfigValue to_config(const std::optional<Size2>& s) { return s ? to_config(*s) : ConfigValue(nullptr); }
inline ConfigValue to_config(const std::optional<double>& x) { return x ? ConfigValue(*x) : ConfigValue(nullptr); }
inline ConfigValue to_config(const AxisArgument& a) {
  return a.single ? ConfigValue(a.axes.front()) : ConfigValue(a.axes);
}
inline ConfigValue seed_to_config(std::int64_t seed) { return seed < 0 ? ConfigValue(nullptr) : ConfigValue(seed); }

}  // namespace strata::layers
