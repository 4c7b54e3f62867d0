#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "core/base/argument_fields.h"
#include "layers/layer.h"

namespace strata {

/// A layer as files hold it, in Keras 3's spelling: class name and every argument.
STRATA_API ConfigValue to_config(const Layer&);
/// A new layer, without weights yet, from any of Keras's spellings. Error naming the layer for an unknown class (and
/// how to register it), an argument that is unknown, or one that does not fit.
STRATA_API void from_config(const ConfigValue&, Layer&);
/// The class names that files may use, sorted: built-in ones, models, registered ones.
STRATA_API std::vector<std::string> layer_names();
/// Whether files may use this class name.
STRATA_API bool is_layer_name(const std::string& class_name);

namespace layers {

using Factory = std::function<Layer(const Config&)>;

/// Gives a class its name and a way to be made from its own config. Error when another class has the name.
STRATA_API void register_class(std::type_index, const std::string& name, Factory factory);

/// A value of a config in the place of an argument of T's constructor: it becomes whatever the constructor wants.
template <class T>
class ConstructorArgument {
 public:
  explicit ConstructorArgument(const ConfigValue& value) : value_(&value) {}
  template <class U>
    requires(!std::derived_from<T, U>)
  operator U() const {
    U made{};
    from_config(*value_, made);
    return made;
  }

 private:
  const ConfigValue* value_;
};

/// Calls T's constructor with the config's values in order, if it has one of so many parameters.
template <class T>
class FromConfig {
 public:
  static constexpr std::size_t most_arguments = 12;

  static Layer make_layer(const Config& config) {
    Layer made;
    if constexpr (std::constructible_from<T, const Config&>) {
      made = make<T>(config);
    } else {
      try_counts(config, made, std::make_index_sequence<most_arguments + 1>{});
    }
    if (made.defined()) return made;
    throw Error("layer " + class_name_of(typeid(T)),
                "has no constructor that takes the " + std::to_string(config.items().size()) +
                    " values of its config in order: give it one that takes a Config, or register_layer a factory");
  }

 private:
  template <std::size_t... N>
  static void try_counts(const Config& config, Layer& made, std::index_sequence<N...>) {
    (try_count(config, made, std::make_index_sequence<N>{}), ...);
  }
  template <std::size_t... I>
  static void try_count(const Config& config, Layer& made, std::index_sequence<I...>) {
    if constexpr (std::constructible_from<T, decltype(argument(config, I))...>)
      if (config.items().size() == sizeof...(I)) made = make<T>(argument(config, I)...);
  }
  static ConstructorArgument<T> argument(const Config& config, std::size_t i) {
    return ConstructorArgument<T>(config.items()[i].second);
  }
};
}  // namespace layers

/// Makes layers of class T known under this name: in summaries, configs, automatic names and files. A file's layer is
/// made by T's constructor from a Config, if it has one, else by the constructor that takes the values of T::config() in
/// their order. Registering a class again renames it.
template <std::derived_from<layers::Base> T>
void register_layer(const std::string& name) {
  layers::register_class(typeid(T), name, layers::FromConfig<T>::make_layer);
}
/// The same with a function that makes a layer from what T::config() held.
template <std::derived_from<layers::Base> T>
void register_layer(const std::string& name, layers::Factory factory) {
  layers::register_class(typeid(T), name, std::move(factory));
}

}  // namespace strata
