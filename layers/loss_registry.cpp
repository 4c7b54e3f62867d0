#include "core/graph/names.h"
#include "layers/loss_functions.h"
#include "layers/loss_registration.h"

namespace strata {

namespace {
ClassRegistry<Loss>& registry() {
  static ClassRegistry<Loss> all("loss", "register_loss(\"name\", ...)");
  return all;
}

/// The cross-entropy that the shapes call for ("crossentropy" and "ce").
constexpr const char* by_shape = "crossentropy";

losses::PerSample crossentropy_by_shape(const Value& y, const Value& p) {
  switch (losses::target_kind(y.shape(), p.shape())) {
    case losses::Target::binary:
      return {losses::BinaryCrossentropy().per_sample(y, p)};
    case losses::Target::sparse:
      return {losses::SparseCategoricalCrossentropy().per_sample(y, p)};
    case losses::Target::categorical:
      break;
  }
  return {losses::CategoricalCrossentropy().per_sample(y, p)};
}

Loss from_identifier(const std::string& identifier) {
  for (const char* name : {by_shape, "ce", "CE"})
    if (identifier == name) return Loss(by_shape, by_shape, {}, crossentropy_by_shape);
  return registry().from_identifier(identifier);
}
}  // namespace

namespace losses {

void add_loss_class(const ClassRegistry<Loss>::Entry& entry) { registry().add(entry); }

void from_config(const ConfigValue& c, Float32&) {
  if (c.is_null()) return;                                     // Keras's default
  const ConfigObject policy = ConfigObject::read(c, "dtype");  // a name, or a policy that has one
  std::string name = policy.class_name;
  if (!policy.config.is_null()) strata::from_config(policy.arguments().at("name"), name);
  if (name != "float32") throw Error("dtype", "only float32 is supported; received " + name);
}

std::string describe_config(const char* kind, const std::string& class_name, const Config& config) {
  const bool named = config.contains("name") && std::holds_alternative<std::string>(config.at("name").variant());
  return std::string(kind) + " " + class_name + (named ? " '" + config.at("name").as_string() + "'" : "");
}

}  // namespace losses

ConfigValue function_config(const std::string& registered_name) {
  return ConfigObject{"builtins", "function", "function", registered_name}.write();
}

std::optional<std::string> function_name(const ConfigObject& object) {
  const auto* name = std::get_if<std::string>(&object.config.variant());
  if (object.class_name != "function" || !name) return {};
  return *name;
}

Loss::Loss(const char* identifier) : Loss(std::string(identifier)) {}
Loss::Loss(const std::string& identifier) : Loss(from_identifier(identifier)) {}

ConfigValue to_config(const Loss& loss) {
  if (loss.class_name() == by_shape) return by_shape;
  const bool of_function = loss.class_name() == "<function>";
  const std::string& name = of_function ? loss.name() : loss.class_name();
  const auto* entry = registry().find(name);
  if (!entry || (of_function && entry->registered_name.empty()))
    throw Error("loss '" + loss.name() + "'",
                "cannot be saved, since it is not registered: register_loss(\"" + name + "\", ...)");
  if (of_function) return function_config(entry->registered_name);
  return registry().to_config(name, loss.config());
}

void from_config(const ConfigValue& value, Loss& loss) {
  const ConfigObject object = ConfigObject::read(value, "loss");
  if (const auto function = function_name(object))
    loss = Loss(*function);
  else
    loss = object.config.is_null() ? Loss(object.class_name) : registry().from_object(object);
}

void register_loss(const std::string& name, const Loss& loss) {
  if (loss.name() != name)
    fail_expected("register_loss", "the loss's own name, '" + loss.name() + "'", "'" + name + "'");
  registry().add(
      {.class_name = name, .make = [loss](const Config&) { return loss; }, .registered_name = "Custom>" + name});
}

void register_loss(const std::string& class_name, std::function<Loss(const Config&)> make) {
  registry().add({.class_name = class_name, .make = std::move(make), .registered_name = "Custom>" + class_name});
}

std::vector<std::string> loss_names() { return registry().class_names(); }

}  // namespace strata
