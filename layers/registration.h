#pragma once

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/argument_fields.h"
#include "core/graph/class_registry.h"
#include "layers/registry.h"

/// How a built-in layer makes itself known to files. Internal. At the end of its .cpp:
///
///     const bool registered = register_built_in("Dense", Dense, dense_arguments);
///
/// where `Dense` is the factory, whose last parameter is its options, and `dense_arguments` the statement of the
/// factory's arguments (core/base/argument_fields.h), all but name, trainable and dtype, which every layer has.
namespace strata::layers {

/// Adds a class to those that files may name.
void add_layer_class(const ClassRegistry<Layer>::Entry& entry);
/// "Dense 'head'", for errors.
std::string describe_config(const std::string& class_name, const Config& config);

/// What every layer's config holds beside the arguments of its class.
template <class Options>
void common_arguments(ArgumentReader& field, Options& o, DTypePolicy& policy) {
  field("name", o.name);
  field("trainable", o.trainable);
  field("dtype", policy);
  // What older files hold beside that: a Sequential's first layer says its input's shape, which the model reads.
  for (const char* key : {"batch_input_shape", "batch_shape", "input_shape", "input_dtype", "autocast"})
    field.ignored(key);
  field.accepted("quantization_config", nullptr);
}

template <class... A, class Statement>
bool register_built_in(const char* class_name, Layer (*factory)(A...), Statement statement,
                       std::vector<std::string> aliases = {}) {
  const auto all_arguments = [statement](auto& field, DTypePolicy& policy, auto&... arguments) {
    common_arguments(field, std::get<sizeof...(A) - 1>(std::tie(arguments...)), policy);
    statement(field, arguments...);
  };
  add_layer_class({.class_name = class_name,
                   .make =
                       [=](const Config& config) {
                         std::tuple<std::remove_cvref_t<A>...> arguments{};
                         DTypePolicy policy = mixed_precision::global_policy();
                         const std::string where = describe_config(class_name, config);
                         std::apply([&](auto&... a) { read_arguments(where, config, all_arguments, policy, a...); }, arguments);
                         return std::apply(factory, arguments).with_dtype(policy);
                       },
                   .module = "keras.layers",
                   .aliases = std::move(aliases)});
  return true;
}

}  // namespace strata::layers
