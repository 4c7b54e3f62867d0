#include "core/cuda/nvrtc.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "core/base/disk_cache.h"
#include "core/base/error.h"
#include "core/device/shared_library.h"
#include "core/device/thread_pool.h"

namespace strata::nvrtc {

namespace {
struct Header {
  const char* name;
  const char* text;
};
constexpr Header headers[] = {
#include "core/cuda/kernel_headers.inc"
};
constexpr std::size_t header_count = sizeof(headers) / sizeof(Header);

constexpr std::string_view options[] = {"--std=c++20", "--ftz=true", "--minimal"};

// What is used of NVRTC's interface, which is C: declared here, so that building does not need its header.
using Program = void*;
using Result = int;
constexpr Result success = 0, compilation_failed = 6;

/// The library and its functions. With a `problem` the functions are not to be called.
struct Library {
  SharedLibrary file = SharedLibrary::open(cuda_libraries::nvrtc());
  std::string problem = file.problem();
  const char* (*error_string)(Result) = nullptr;
  Result (*version)(int*, int*) = nullptr;
  Result (*architecture_count)(int*) = nullptr;
  Result (*architectures)(int*) = nullptr;
  Result (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  Result (*destroy)(Program*) = nullptr;
  Result (*compile)(Program, int, const char* const*) = nullptr;
  Result (*log_size)(Program, std::size_t*) = nullptr;
  Result (*log)(Program, char*) = nullptr;
  Result (*cubin_size)(Program, std::size_t*) = nullptr;
  Result (*cubin)(Program, char*) = nullptr;
  Result (*ptx_size)(Program, std::size_t*) = nullptr;
  Result (*ptx)(Program, char*) = nullptr;

  Library() {
    if (!problem.empty()) return;
    try {
      bind(error_string, "nvrtcGetErrorString");
      bind(version, "nvrtcVersion");
      bind(architecture_count, "nvrtcGetNumSupportedArchs");
      bind(architectures, "nvrtcGetSupportedArchs");
      bind(create, "nvrtcCreateProgram");
      bind(destroy, "nvrtcDestroyProgram");
      bind(compile, "nvrtcCompileProgram");
      bind(log_size, "nvrtcGetProgramLogSize");
      bind(log, "nvrtcGetProgramLog");
      bind(cubin_size, "nvrtcGetCUBINSize");
      bind(cubin, "nvrtcGetCUBIN");
      bind(ptx_size, "nvrtcGetPTXSize");
      bind(ptx, "nvrtcGetPTX");
    } catch (const Error& e) {
      problem = e.what();
    }
  }

 private:
  template <class F>
  void bind(F*& function, const char* name) {
    function = file.symbol<F>(name);
  }
};

/// Looked for once: a library that appears later is not noticed.
const Library& opened() {
  static const Library library;
  return library;
}

const Library& library() {
  const Library& l = opened();
  if (!l.problem.empty()) throw Error("NVRTC", l.problem);
  return l;
}

void check(Result result, std::string_view what) {
  if (result != success) throw Error("NVRTC", std::string(what) + ": " + library().error_string(result));
}

/// A program that is destroyed with its scope.
class Compilation {
 public:
  explicit Compilation(const std::string& source) : library_(library()) {
    std::array<const char*, header_count> texts{}, names{};
    for (std::size_t i = 0; i < header_count; ++i) texts[i] = headers[i].text, names[i] = headers[i].name;
    check(library_.create(&program_, source.c_str(), "kernel.cu", static_cast<int>(header_count), texts.data(),
                          names.data()),
          "a program cannot be made");
  }
  Compilation(const Compilation&) = delete;
  Compilation& operator=(const Compilation&) = delete;
  ~Compilation() { library_.destroy(&program_); }

  void compile(const std::string& architecture, const std::string& source) {
    const std::string target = "--gpu-architecture=" + architecture;
    std::vector<const char*> arguments{target.c_str()};
    for (const std::string_view o : options) arguments.push_back(o.data());
    const Result result = library_.compile(program_, static_cast<int>(arguments.size()), arguments.data());
    if (result == compilation_failed)
      throw Error("NVRTC", "a kernel does not compile for " + architecture + ":\n" +
                               text(library_.log_size, library_.log) + "\nIts source:\n" + source);
    check(result, "a kernel cannot be compiled for " + architecture);
  }
  Code machine_code() const { return text(library_.cubin_size, library_.cubin); }
  Code ptx() const { return text(library_.ptx_size, library_.ptx); }

 private:
  std::string text(Result (*size)(Program, std::size_t*), Result (*get)(Program, char*)) const {
    std::size_t bytes = 0;
    check(size(program_, &bytes), "a result cannot be read");
    std::string out(bytes, '\0');
    check(get(program_, out.data()), "a result cannot be read");
    return out;
  }

  const Library& library_;
  Program program_ = nullptr;
};

/// "sm_90", or "compute_121" when the compute capability is newer than the compiler: the driver takes it from there.
std::string architecture_for(int compute_capability) {
  int count = 0;
  check(library().architecture_count(&count), "the compute capabilities cannot be asked for");
  std::vector<int> known(static_cast<std::size_t>(count));
  check(library().architectures(known.data()), "the compute capabilities cannot be asked for");
  if (std::find(known.begin(), known.end(), compute_capability) != known.end())
    return "sm_" + std::to_string(compute_capability);
  std::sort(known.begin(), known.end());
  const auto newer = std::upper_bound(known.begin(), known.end(), compute_capability);
  if (newer == known.begin())
    fail_expected("NVRTC " + version(), "a compute capability of at least " + std::to_string(known.at(0)),
                  std::to_string(compute_capability));
  return "compute_" + std::to_string(*(newer - 1));
}

std::string all_headers() {
  std::string text;
  for (const Header& h : headers) text += std::string(h.name) + "\n" + h.text;
  return text;
}

/// Everything that the result depends on.
std::string key_of(const std::string& source, const std::string& architecture) {
  static const std::string environment = [] {
    std::string text = "nvrtc " + version();
    for (const std::string_view o : options) text += " " + std::string(o);
    return text + " " + std::to_string(fingerprint(all_headers()));
  }();
  return environment + " " + architecture + "\n" + source;
}

Code compile_for(const std::string& source, const std::string& architecture) {
  const DiskCache cache("kernels");
  const std::string key = key_of(source, architecture);
  if (auto kept = cache.find(key)) return *std::move(kept);
  Compilation compilation(source);
  compilation.compile(architecture, source);
  Code code = architecture.starts_with("sm_") ? compilation.machine_code() : compilation.ptx();
  cache.put(key, code);
  return code;
}
}  // namespace

std::string problem() { return opened().problem; }

std::string version() {
  int major = 0, minor = 0;
  check(library().version(&major, &minor), "its version cannot be asked for");
  return std::to_string(major) + "." + std::to_string(minor);
}

Code compile(const std::string& source, int compute_capability) {
  return compile_for(source, architecture_for(compute_capability));
}

std::vector<Code> compile_all(std::span<const std::string> sources, int compute_capability) {
  const std::string architecture = architecture_for(compute_capability);
  std::map<std::string_view, Code> unique;
  for (const std::string& s : sources) unique.try_emplace(s);
  std::vector<std::pair<const std::string_view, Code>*> work;
  for (auto& entry : unique) work.push_back(&entry);
  ThreadPool::shared()->run(static_cast<int>(work.size()), [&](int i) {
    auto& [source, code] = *work[static_cast<std::size_t>(i)];
    code = compile_for(std::string(source), architecture);
  });
  std::vector<Code> all;
  for (const std::string& s : sources) all.push_back(unique.at(s));
  return all;
}

}  // namespace strata::nvrtc
