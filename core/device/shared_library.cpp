#include "core/device/shared_library.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/base/error.h"
#include "core/device/cuda_versions.h"

namespace strata {

namespace fs = std::filesystem;

namespace {
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void add_listed(std::vector<std::string>& folders, const std::string& list) {
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) folders.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
}

/// Where toolkits keep their libraries: NVIDIA's installers, and the wheels.
void add_toolkit(std::vector<std::string>& folders, const std::string& root) {
  if (root.empty()) return;
  folders.push_back(root + "/lib64");
  folders.push_back(root + "/lib");
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> all;
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end; it.increment(ignored))
    all.push_back(it->path());
  std::sort(all.begin(), all.end());
  return all;
}

/// <environment>/lib/python3.*/site-packages/nvidia/*/lib
void add_wheels(std::vector<std::string>& folders, const std::string& environment) {
  if (environment.empty()) return;
  for (const fs::path& python : entries(environment + "/lib"))
    if (python.filename().string().starts_with("python3"))
      for (const fs::path& package : entries(python / "site-packages/nvidia"))
        if (fs::exists(package / "lib")) folders.push_back((package / "lib").string());
}

/// The folder that holds this code: libstrata's.
std::string own_folder() {
  Dl_info here;
  static const char anchor = 0;
  if (::dladdr(&anchor, &here) == 0 || !here.dli_fname) return "";
  std::error_code ignored;
  return fs::weakly_canonical(here.dli_fname, ignored).parent_path().string();
}

/// The loader says "NAME: cannot open shared object file: No such file or directory" of what it looked for in vain.
std::string not_found_name(const std::string& sentence) {
  const std::size_t colon = sentence.find(": cannot open shared object file: No such file");
  return colon == std::string::npos ? "" : sentence.substr(0, colon);
}

std::string last_loader_sentence() {
  const char* sentence = ::dlerror();
  return sentence ? sentence : "the loader gave no reason";
}

std::string loaded_path(void* handle, const std::string& name) {
  link_map* map = nullptr;
  return ::dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && *map->l_name ? map->l_name : name;
}
}  // namespace

LibrarySearch LibrarySearch::of_toolkit() {
  LibrarySearch search;
  add_listed(search.first, environment("STRATA_CUDA_LIBRARIES"));
  search.first.push_back(own_folder());
  add_toolkit(search.first, std::string(toolkit_folder));
  add_toolkit(search.after, environment("CUDA_HOME"));
  add_toolkit(search.after, environment("CUDA_PATH"));
  add_toolkit(search.after, "/usr/local/cuda");
  add_wheels(search.after, environment("VIRTUAL_ENV"));
  add_wheels(search.after, environment("CONDA_PREFIX"));
  return search;
}

LibrarySearch LibrarySearch::of_driver() {
  LibrarySearch search;
  add_listed(search.first, environment("STRATA_CUDA_LIBRARIES"));
  search.after.push_back("/usr/lib/wsl/lib");
  return search;
}

SharedLibrary SharedLibrary::open(const LibraryRequest& request) {
  SharedLibrary library;
  library.what_ = request.what;
  for (const std::string& name : request.names) library.names_ += (library.names_.empty() ? "" : " or ") + name;
  const auto in_folders = [&](const std::vector<std::string>& folders) {
    for (const std::string& folder : folders)
      for (const std::string& name : request.names)
        if (library.try_file(folder + "/" + name, request)) return true;
    return false;
  };
  const auto in_system = [&] {
    return request.search.system && std::any_of(request.names.begin(), request.names.end(),
                                                [&](const std::string& name) { return library.try_system(name); });
  };
  if (!in_folders(request.search.first) && !in_system()) in_folders(request.search.after);
  return library;
}

bool SharedLibrary::try_file(const std::string& path, const LibraryRequest& request) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    attempts_.push_back({.place = path});
    return false;
  }
  for (const fs::path& file : entries(fs::path(path).parent_path()))
    for (const std::string& companion : request.companions)
      if (file.filename().string().starts_with(companion)) ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_) {
    path_ = loaded_path(handle_, path);
    return true;
  }
  const std::string sentence = last_loader_sentence();
  attempts_.push_back({.place = path, .there = true, .reason = sentence, .missing = not_found_name(sentence)});
  return false;
}

bool SharedLibrary::try_system(const std::string& name) {
  handle_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_) {
    path_ = loaded_path(handle_, name);
    return true;
  }
  const std::string sentence = last_loader_sentence(), absent = not_found_name(sentence);
  if (absent == name)
    attempts_.push_back({.place = name + " by the system's loader"});
  else
    attempts_.push_back(
        {.place = name + " by the system's loader", .there = true, .reason = sentence, .missing = absent});
  return false;
}

std::string SharedLibrary::problem() const {
  if (loaded()) return "";
  std::string refused, absent;
  for (const Attempt& attempt : attempts_) {
    if (attempt.there) {
      refused += (refused.empty() ? "" : ". ") + what_ + " is there but does not load (" + attempt.place +
                 "); the loader says: " + attempt.reason;
      if (!attempt.missing.empty()) refused += "; the missing dependency is " + attempt.missing;
    } else {
      absent += (absent.empty() ? "" : ", ") + attempt.place;
    }
  }
  return refused.empty() ? what_ + " (" + names_ + ") was not found; looked for: " + absent : refused;
}

void* SharedLibrary::address(const char* name) const { return handle_ ? ::dlsym(handle_, name) : nullptr; }

void* SharedLibrary::required_address(const char* name) const {
  require(loaded(), what_, problem());
  void* const found = address(name);
  if (!found)
    throw Error(what_, path_ + " has no function " + name +
                           ": it is of another version than Strata needs; `strata doctor` "
                           "says which that is");
  return found;
}

namespace cuda_libraries {
LibraryRequest driver() { return {"The NVIDIA driver's CUDA library", {"libcuda.so.1"}, LibrarySearch::of_driver()}; }
LibraryRequest management() { return {"NVML", {"libnvidia-ml.so.1"}, LibrarySearch::of_driver()}; }
LibraryRequest cublas_lt() { return {"cuBLASLt", {"libcublasLt.so.13"}, LibrarySearch::of_toolkit()}; }
// NVRTC opens its built-in functions by bare name, and cuDNN compiles by NVRTC while it runs.
LibraryRequest cudnn() {
  return {"cuDNN", {"libcudnn.so.9"}, LibrarySearch::of_toolkit(), {"libnvrtc-builtins.so.13"}};
}
LibraryRequest nvrtc() {
  return {"NVRTC", {"libnvrtc.so.13"}, LibrarySearch::of_toolkit(), {"libnvrtc-builtins.so.13"}};
}
LibraryRequest nccl() { return {"NCCL", {"libnccl.so.2"}, LibrarySearch::of_toolkit()}; }
}  // namespace cuda_libraries

}  // namespace strata
