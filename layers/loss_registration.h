#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/graph/class_registry.h"
#include "core/graph/sparing_fields.h"
#include "layers/losses.h"

/// How a built-in loss or metric makes itself known to files. Internal. At the end of its .cpp:
///
///     const bool registered = register_built_in<Huber, HuberOptions>("Huber", huber_arguments, {"alias"});
///
/// where `huber_arguments` states the options of the class (core/base/argument_fields.h), all but the name and what
/// else every loss has.
namespace strata::losses {

/// The dtype of losses and metrics, which compute in f32 whatever the layers do: error for another.
struct Float32 {};
void from_config(const ConfigValue&, Float32&);

void add_loss_class(const ClassRegistry<Loss>::Entry& entry);
/// "loss Huber 'mine'", for errors; `kind` is "loss".
std::string describe_config(const char* kind, const std::string& class_name, const Config& config);

inline constexpr auto no_arguments = [](auto&, auto&) {};

/// What the config of every loss may hold beside its own arguments.
template <class Options>
void common_arguments(ArgumentReader& field, Options& o) {
  field("name", o.name);
  std::optional<std::string> reduction = o.reduction;
  field("reduction", reduction);
  // None, and what Keras 2.x calls its default.
  o.reduction = !reduction ? "none" : *reduction == "auto" ? "sum_over_batch_size" : *reduction;
  Float32 dtype;
  field("dtype", dtype);
  field.ignored("fn");  // Keras 2.15 names the function behind the class
}

template <class Made, class Options, class Statement>
bool register_built_in(const char* class_name, Statement own_arguments, std::vector<std::string> aliases = {}) {
  const auto all_arguments = [own_arguments](ArgumentReader& field, Options& o) {
    common_arguments(field, o);
    own_arguments(field, o);
  };
  add_loss_class({.class_name = class_name,
                  .make = [=](const Config& config) -> Loss {
                    Options o;
                    read_arguments(describe_config("loss", class_name, config), config, all_arguments, o);
                    return Made(o);
                  },
                  .module = "keras.losses",
                  .aliases = std::move(aliases)});
  return true;
}

}  // namespace strata::losses

namespace strata {

/// A function as Keras writes it, and its name out of such an object, nothing when it is none.
ConfigValue function_config(const std::string& registered_name);
std::optional<std::string> function_name(const ConfigObject&);

}  // namespace strata
