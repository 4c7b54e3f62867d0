#include "core/base/module.h"

#include <dlfcn.h>

#include <map>
#include <mutex>

#include "core/base/error.h"

namespace strata {

namespace fs = std::filesystem;

namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string_view, const Module*> modules;
};

// Never destroyed: a module's object in static memory may go later.
Registry& registry() {
  static auto& all = *new Registry;
  return all;
}

const Module* known_module(std::string_view name) {
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().modules.find(name);
  return found == registry().modules.end() ? nullptr : found->second;
}

}  // namespace

Module::~Module() = default;

void register_module(std::string_view name, const Module& object) {
  const std::lock_guard lock(registry().mutex);
  registry().modules.emplace(name, &object);
}

const Module& find_module(std::string_view name) {
  if (const Module* known = known_module(name)) return *known;
  const std::string file = std::string(name) + ".so";
  const fs::path path = companion_file(file, "the module", "install Strata anew, with `cmake --install`");
  // Not closed again: what it made lives on. Two threads that come here at once load it once.
  if (!::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    const char* const sentence = ::dlerror();
    std::string reason = sentence ? sentence : "the loader gives no reason";
    if (reason.starts_with(path.string() + ": ")) reason.erase(0, path.string().size() + 2);
    throw Error(path.string(),
                "this part of Strata cannot be loaded: " + reason + ". Install what it needs, or Strata anew");
  }
  if (const Module* known = known_module(name)) return *known;
  throw Error(path.string(), "this part of Strata is of another version than the library");
}

fs::path companion_file(const std::string& file, const std::string& what, const std::string& advice) {
  Dl_info here;
  const char* const library = ::dladdr(reinterpret_cast<const void*>(&companion_file), &here) ? here.dli_fname : "";
  const fs::path folder = fs::absolute(library).parent_path();
  // The library for a faster instruction set lies two folders deeper.
  for (const char* way : {"strata", "../../strata", "../lib/strata"}) {
    const fs::path candidate = (folder / way / file).lexically_normal();
    std::error_code ignored;
    if (fs::exists(candidate, ignored)) return candidate;
  }
  throw Error("strata/" + file, what + " was not found beside the library in " + folder.string() + "; " + advice);
}

}  // namespace strata
