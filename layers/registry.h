#pragma once

#include <concepts>
#include <string>
#include <typeindex>

#include "layers/layer.h"

namespace strata {

namespace layers {
/// Gives a class its name. Error when another class has it.
STRATA_API void register_class(std::type_index, const std::string& name);
}  // namespace layers

/// The name under which layers of class T appear in summaries, configs and automatic names: `register_layer<Linear>
/// ("Linear")`. Without it the C++ name is taken. Registering a class again renames it.
template <std::derived_from<layers::Base> T>
void register_layer(const std::string& name) {
  layers::register_class(typeid(T), name);
}

}  // namespace strata
