#include "layers/activations.h"

#include <map>
#include <mutex>

#include "core/graph/class_registry.h"

namespace strata {

namespace {
struct Known {
  std::string name;  // the function's own, where the key is an alias
  Activation::Function function;
  bool built_in = true;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Known, std::less<>> known;
};

std::map<std::string, Known, std::less<>> built_in_activations() {
  namespace act = activations;
  return {
      {"relu", {"relu", [](Value x) { return act::relu(x); }}},
      {"relu6", {"relu6", [](Value x) { return act::relu6(x); }}},
      {"leaky_relu", {"leaky_relu", [](Value x) { return act::leaky_relu(x); }}},
      {"elu", {"elu", [](Value x) { return act::elu(x); }}},
      {"celu", {"celu", [](Value x) { return act::celu(x); }}},
      {"selu", {"selu", [](Value x) { return act::selu(x); }}},
      {"gelu", {"gelu", [](Value x) { return act::gelu(x); }}},
      {"silu", {"silu", [](Value x) { return act::silu(x); }}},
      {"swish", {"silu", [](Value x) { return act::silu(x); }}},
      {"hard_silu", {"hard_silu", [](Value x) { return act::hard_silu(x); }}},
      {"hard_swish", {"hard_silu", [](Value x) { return act::hard_silu(x); }}},
      {"mish", {"mish", [](Value x) { return act::mish(x); }}},
      {"softmax", {"softmax", [](Value x) { return act::softmax(x); }}},
      {"log_softmax", {"log_softmax", [](Value x) { return act::log_softmax(x); }}},
      {"sparsemax", {"sparsemax", [](Value x) { return act::sparsemax(x); }}},
      {"softplus", {"softplus", [](Value x) { return act::softplus(x); }}},
      {"softsign", {"softsign", [](Value x) { return act::softsign(x); }}},
      {"sigmoid", {"sigmoid", [](Value x) { return act::sigmoid(x); }}},
      {"log_sigmoid", {"log_sigmoid", [](Value x) { return act::log_sigmoid(x); }}},
      {"hard_sigmoid", {"hard_sigmoid", [](Value x) { return act::hard_sigmoid(x); }}},
      {"sparse_sigmoid", {"sparse_sigmoid", [](Value x) { return act::sparse_sigmoid(x); }}},
      {"tanh", {"tanh", [](Value x) { return act::tanh(x); }}},
      {"hard_tanh", {"hard_tanh", [](Value x) { return act::hard_tanh(x); }}},
      {"tanh_shrink", {"tanh_shrink", [](Value x) { return act::tanh_shrink(x); }}},
      {"hard_shrink", {"hard_shrink", [](Value x) { return act::hard_shrink(x); }}},
      {"soft_shrink", {"soft_shrink", [](Value x) { return act::soft_shrink(x); }}},
      {"glu", {"glu", [](Value x) { return act::glu(x); }}},
      {"squareplus", {"squareplus", [](Value x) { return act::squareplus(x); }}},
      {"sparse_plus", {"sparse_plus", [](Value x) { return act::sparse_plus(x); }}},
      {"exponential", {"exponential", [](Value x) { return act::exponential(x); }}},
  };
}

Registry& registry() {
  static Registry r{.mutex = {}, .known = built_in_activations()};
  return r;
}

std::optional<Known> find(const std::string& name) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const auto found = r.known.find(name);
  return found == r.known.end() ? std::nullopt : std::optional(found->second);
}
}  // namespace

Activation::Activation(const char* identifier) : Activation(std::string(identifier)) {}

Activation::Activation(const std::string& identifier) {
  if (identifier.empty() || identifier == "linear") return;
  const auto known = find(identifier);
  if (!known) throw Error("activation", "Could not interpret activation function identifier: " + identifier);
  name_ = known->name;
  function_ = known->function;
}

ConfigValue to_config(const Activation& a) {
  if (a.is_linear()) return "linear";
  const auto known = find(a.name());
  if (!known)
    throw Error("activation", "a function without a name cannot be saved: register it (register_activation(\"name\", "
                              "f)) and pass the name");
  if (known->built_in) return a.name();
  return ConfigObject{"builtins", "function", "Custom>" + a.name(), a.name()}.write();
}

void from_config(const ConfigValue& c, Activation& a) {
  if (c.is_null()) {
    a = Activation();
    return;
  }
  const ConfigObject object = ConfigObject::read(c, "activation");
  const auto* function = std::get_if<std::string>(&object.config.variant());
  const std::string name = function ? *function : object.config.is_null() ? object.class_name : snake_case(object.class_name);
  const auto* layer = std::get_if<Config>(&object.config.variant());
  if (layer && !find(name))
    throw Error("activation", "Unknown activation '" + object.class_name +
                                  "': register it before loading: register_activation(\"" + name + "\", f)");
  a = Activation(name);
}

void register_activation(const std::string& name, Activation::Function function) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  if (const auto taken = r.known.find(name); name == "linear" || (taken != r.known.end() && taken->second.built_in))
    throw Error("activation", "the name '" + name + "' already stands for a built-in function");
  r.known[name] = {name, std::move(function), false};
}

std::vector<std::string> activation_names() {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  std::vector<std::string> all{"linear"};
  for (const auto& [name, known] : r.known) all.push_back(name);
  return all;
}

}  // namespace strata
