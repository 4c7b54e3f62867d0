#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/export.h"

namespace strata {

/// A part of the library that needs a library of someone else's which most programs never call, and which takes
/// milliseconds to load with all that it needs in turn. It is a shared library of its own, strata/<name>.so beside
/// libstrata, and loaded when it is first asked for.
///
/// The folder that uses it declares what it can do as an abstract class derived from Module, with a constant
/// `module_name`; the module's source derives a class from that and makes it known by a RegisteredModule. Programs that
/// are made of the library's objects link the module's too, and nothing is loaded.
class STRATA_API Module {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module();
};

/// The name must outlive it.
STRATA_API void register_module(std::string_view name, const Module& object);

/// `const RegisteredModule<OpenSsl> openssl;` at the end of a module's source. Not done by Module's constructor: other
/// threads would find an object that is not whole yet.
template <class Kind>
class RegisteredModule {
 public:
  RegisteredModule() { register_module(Kind::module_name, object_); }

 private:
  Kind object_;
};

/// The module of this name. Any number of threads may ask. Error naming the file and the loader's reason.
STRATA_API const Module& find_module(std::string_view name);

/// `loaded<Hdf5Module>()`
template <class Kind>
const Kind& loaded() {
  return static_cast<const Kind&>(find_module(Kind::module_name));
}

/// The file strata/`file` that comes with the library: `what` ("the program") in messages. Error naming the folder
/// of the library when it is not there, with `advice` at its end.
std::filesystem::path companion_file(const std::string& file, const std::string& what, const std::string& advice);

}  // namespace strata
