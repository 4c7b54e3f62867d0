#include "layers/registry.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace strata::layers {

namespace {
struct Registry {
  std::mutex mutex;
  std::unordered_map<std::type_index, std::string> names;
};
Registry& registry() {
  static Registry r;
  return r;
}

/// The C++ name without namespaces and template arguments.
std::string plain_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 && demangled ? demangled.get() : type.name();
  if (const auto arguments = name.find('<'); arguments != std::string::npos) name.resize(arguments);
  if (const auto scope = name.rfind("::"); scope != std::string::npos) name.erase(0, scope + 2);
  return name;
}
}  // namespace

void register_class(std::type_index type, const std::string& name) {
  if (name.empty()) throw Error("register_layer", "expected a name; received an empty one");
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  for (const auto& [other, taken] : r.names)
    if (taken == name && other != type)
      throw Error("register_layer", "the name '" + name + "' already stands for another class");
  r.names[type] = name;
}

std::string class_name_of(const std::type_info& type) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  const auto found = r.names.find(type);
  return found == r.names.end() ? plain_name(type) : found->second;
}

}  // namespace strata::layers
