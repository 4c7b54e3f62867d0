#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Libraries that are not linked but loaded when they are first needed, so that one binary starts on a machine that has
/// none of them and can say about each where it was looked for and why it could not be had.
namespace strata {

/// The order in which places are tried.
struct LibrarySearch {
  std::vector<std::string> first;  ///< folders tried before the system's loader
  bool system = true;              ///< the system's loader: LD_LIBRARY_PATH, run paths, /etc/ld.so.conf
  std::vector<std::string> after;  ///< folders tried after it

  /// For CUDA's libraries: the folders in STRATA_CUDA_LIBRARIES (separated by colons), the folder of libstrata, the
  /// toolkit that this build was made with; the system's loader; CUDA_HOME, CUDA_PATH and /usr/local/cuda; NVIDIA's
  /// wheels in the Python environments VIRTUAL_ENV and CONDA_PREFIX.
  static LibrarySearch of_toolkit();
  /// For the libraries that come with the driver (libcuda, NVML): STRATA_CUDA_LIBRARIES, the system's loader, the
  /// folder into which WSL 2 puts them. Never a toolkit, which holds only stubs of them.
  static LibrarySearch of_driver();
};

/// What to load.
struct LibraryRequest {
  std::string what;                ///< for messages: "cuDNN"
  std::vector<std::string> names;  ///< file names, the preferred first: "libcudnn.so.9"
  LibrarySearch search;
  /// Beginnings of file names of libraries that this one opens by bare name while it works, though nothing tells
  /// the loader where they are. Those found in the library's own folder are loaded before it.
  std::vector<std::string> companions = {};
};

/// A library that was looked for. It stays loaded until the process ends: CUDA's libraries do not bear being unloaded.
class SharedLibrary {
 public:
  /// What came of one name in one place.
  struct Attempt {
    std::string place;         ///< the file, or "libcudnn.so.9 by the system's loader"
    bool there = false;        ///< the file is there, and yet could not be loaded
    std::string reason = {};   ///< then the loader's own sentence
    std::string missing = {};  ///< then the library that it asks for and that is nowhere, if that is the reason
  };

  /// Tries each place of `request` in turn. Never throws because of a library: ask loaded() and problem().
  static SharedLibrary open(const LibraryRequest& request);

  bool loaded() const { return handle_ != nullptr; }
  /// What dlsym wants, for headers that find functions by themselves; null when it is not loaded.
  void* handle() const { return handle_; }
  /// The file that was loaded.
  const std::string& path() const { return path_; }
  /// What failed before, place by place, also where a later place had it.
  const std::vector<Attempt>& attempts() const { return attempts_; }
  /// Why there is no such library here, as sentences without a final full stop; empty when it is loaded.
  std::string problem() const;

  /// A function of the library, or nullptr when it has none of that name (or is not loaded).
  template <class Function>
  Function* find(const char* name) const {
    return reinterpret_cast<Function*>(address(name));
  }
  /// `symbol<decltype(cudnnCreate)>("cudnnCreate")`. Error naming the file and the symbol when it is not there, or with
  /// problem() when the library is not.
  template <class Function>
  Function* symbol(const char* name) const {
    return reinterpret_cast<Function*>(required_address(name));
  }

 private:
  void* address(const char* name) const;
  void* required_address(const char* name) const;
  bool try_file(const std::string& path, const LibraryRequest& request);
  bool try_system(const std::string& name);

  std::string what_, names_, path_;
  void* handle_ = nullptr;
  std::vector<Attempt> attempts_;
};

/// The requests for the libraries that Strata knows, in the major versions that it is written for.
namespace cuda_libraries {
LibraryRequest driver();      ///< libcuda.so.1, of the driver
LibraryRequest management();  ///< libnvidia-ml.so.1 (NVML), of the driver
LibraryRequest cublas_lt();
LibraryRequest cudnn();
LibraryRequest nvrtc();
LibraryRequest nccl();
}  // namespace cuda_libraries

}  // namespace strata
