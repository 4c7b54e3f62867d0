#include "optim/registration.h"

namespace strata {

namespace {
ClassRegistry<Optimizer>& registry() {
  static ClassRegistry<Optimizer> all("optimizer", "register_optimizer(\"Name\", ...)");
  return all;
}

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}
}  // namespace

namespace optimizers {

void add_optimizer_class(const ClassRegistry<Optimizer>::Entry& entry) {
  ClassRegistry<Optimizer>::Entry added = entry;
  added.aliases.push_back(lower_case(entry.class_name));
  registry().add(added);
}

std::string describe_config(const std::string& class_name, const Config& config) {
  const bool named = config.contains("name") && std::holds_alternative<std::string>(config.at("name").variant());
  return "optimizer " + class_name + (named ? " '" + config.at("name").as_string() + "'" : "");
}

}  // namespace optimizers

Optimizer::Optimizer(const char* identifier) : Optimizer(std::string(identifier)) {}
Optimizer::Optimizer(const std::string& identifier) {
  const auto* entry = registry().find(identifier);
  if (!entry) entry = registry().find(lower_case(identifier));
  if (!entry) throw Error("optimizer", "Could not interpret optimizer identifier: " + identifier);
  *this = entry->make({});
}

ConfigValue to_config(const Optimizer& o) {
  const std::string class_name = o.class_name();
  if (!registry().find(class_name))
    throw Error("optimizer '" + o.name() + "'", "cannot be saved, since its rule '" + class_name +
                                                    "' is not registered: register_optimizer(\"" + class_name +
                                                    "\", ...)");
  return registry().to_config(class_name, o.config());
}

void from_config(const ConfigValue& value, Optimizer& o) {
  ConfigObject object = ConfigObject::read(value, "optimizer");
  // Keras 2.11 to 2.15 write "Custom>Adam" for their own; some versions wrote names in lower case.
  for (std::string* name : {&object.class_name, &object.registered_name}) {
    const std::size_t package = name->rfind('>');
    if (!registry().find(*name) && package != std::string::npos) name->erase(0, package + 1);
    if (!registry().find(*name)) *name = lower_case(*name);
  }
  if (object.config.is_null())
    o = Optimizer(object.class_name);
  else if (!registry().find(object))
    throw Error("optimizer", registry().unknown(ConfigObject::read(value, "optimizer").class_name));
  else
    o = registry().from_object(object);
}

void register_optimizer(const std::string& class_name, std::function<Optimizer(const Config&)> make) {
  optimizers::add_optimizer_class(
      {.class_name = class_name, .make = std::move(make), .registered_name = "Custom>" + class_name});
}

std::vector<std::string> optimizer_names() { return registry().class_names(); }

}  // namespace strata
