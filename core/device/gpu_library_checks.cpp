#include "core/device/gpu_library_checks.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/device/cuda_versions.h"
#include "core/device/device.h"

namespace strata {

namespace {
using State = GpuFinding::State;

constexpr const char* get_it =
    "`tools/setup_cuda.sh` in Strata's source folder fetches all of CUDA's libraries; where they lie elsewhere, name "
    "that "
    "folder in STRATA_CUDA_LIBRARIES";
constexpr const char* memory_advice =
    "the GPU's memory is full: `strata devices --processes` says who holds it; end one of those, or give them a limit "
    "(config::set_memory_limit)";
constexpr const char* mixed_advice =
    "the libraries found are of different versions: take other CUDA folders out of LD_LIBRARY_PATH, or name one folder "
    "that "
    "holds all in STRATA_CUDA_LIBRARIES";
constexpr const char* driver_advice = "the library does not fit the driver: update the driver";
constexpr const char* start_advice =
    "most often the GPU's memory is full, or the library does not fit the driver: `strata devices --processes` says "
    "who holds "
    "memory; then compare the versions above";

/// What a library may answer when it cannot start on a device.
struct Answer {
  int code;
  const char* name;
  const char* advice;
};
constexpr Answer cudnn_answers[] = {
    {1001, "CUDNN_STATUS_NOT_INITIALIZED", start_advice},
    {1002, "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", mixed_advice},
    {1008, "CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED", mixed_advice},
    {3005, "CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER", driver_advice},
    {3006, "CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDART", driver_advice},
    {3007, "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH", "cuDNN has no code for this GPU: install a version that has"},
    {4003, "CUDNN_STATUS_ALLOC_FAILED", "the machine's own memory is full"},
    {4004, "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", memory_advice},
};
constexpr Answer cublas_answers[] = {
    {1, "CUBLAS_STATUS_NOT_INITIALIZED", start_advice},
    {3, "CUBLAS_STATUS_ALLOC_FAILED", memory_advice},
    {8, "CUBLAS_STATUS_ARCH_MISMATCH", "cuBLAS has no code for this GPU: install a version that has"},
};

template <std::size_t n>
Answer answer_of(const Answer (&known)[n], int code) {
  const auto found = std::find_if(std::begin(known), std::end(known), [&](const Answer& a) { return a.code == code; });
  return found != std::end(known) ? *found : Answer{code, "an unknown status", start_advice};
}

/// What is particular to one of the libraries.
struct Kind {
  LibraryVersion least;
  bool needed;
  LibraryVersion (*version)(const SharedLibrary&);
  const char* create;  ///< makes the handle that a step needs; nullptr when there is none
  const char* destroy;
  Answer (*answer)(int code);
};

LibraryVersion number_of(const SharedLibrary& library, const char* getter) {
  const auto get = library.find<std::size_t()>(getter);
  return get ? LibraryVersion::of_number(static_cast<int>(get())) : LibraryVersion{};
}

constexpr Kind cublas{least::cuda,
                      true,
                      [](const SharedLibrary& l) { return number_of(l, "cublasLtGetVersion"); },
                      "cublasLtCreate",
                      "cublasLtDestroy",
                      [](int code) { return answer_of(cublas_answers, code); }};
constexpr Kind cudnn{
    least::cudnn,  true,           [](const SharedLibrary& l) { return number_of(l, "cudnnGetVersion"); },
    "cudnnCreate", "cudnnDestroy", [](int code) { return answer_of(cudnn_answers, code); }};
constexpr Kind nvrtc{least::cuda,
                     true,
                     [](const SharedLibrary& l) {
                       LibraryVersion version;
                       const auto get = l.find<int(int*, int*)>("nvrtcVersion");
                       if (get) get(&version.major, &version.minor);
                       return version;
                     },
                     nullptr,
                     nullptr,
                     nullptr};
constexpr Kind nccl{least::nccl,
                    false,
                    [](const SharedLibrary& l) {
                      int number = 0;
                      const auto get = l.find<int(int*)>("ncclGetVersion");
                      return get && get(&number) == 0 ? LibraryVersion::of_number(number) : LibraryVersion{};
                    },
                    nullptr,
                    nullptr,
                    nullptr};

GpuFinding check_version(const LibraryRequest& request, const Kind& kind, const SharedLibrary& library) {
  const std::string without = kind.needed ? "" : " (only needed for several GPUs)";
  GpuFinding finding{State::failed, request.what, "", get_it, kind.needed};
  if (!library.loaded()) {
    finding.found = library.problem() + without;
    return finding;
  }
  const LibraryVersion version = kind.version(library);
  if (version == LibraryVersion{})
    finding.found =
        library.path() + " does not say its version: it lacks a function that every version of it has" + without;
  else if (version < kind.least || version.major != kind.least.major)
    finding.found = request.what + " (" + library.path() + ") is version " + version.text() + "; this needs " +
                    std::to_string(kind.least.major) + ".x from " + kind.least.text() + " on" + without;
  else
    finding = {State::passed, request.what, version.text() + " (" + library.path() + ")", "", kind.needed};
  return finding;
}

GpuFinding check_handle(const std::string& what, const Kind& kind, const SharedLibrary& library,
                        const CudaDriver& driver, int device) {
  GpuFinding finding{State::failed, what + " on " + to_string(Device{DeviceKind::gpu, device}), "", get_it, true};
  const auto create = library.find<int(void**)>(kind.create);
  const auto destroy = library.find<int(void*)>(kind.destroy);
  if (!create || !destroy) {
    finding.found = library.path() + " has no function " + (create ? kind.destroy : kind.create);
    return finding;
  }
  int code = 0;
  const auto no_context = driver.with_context(device, [&] {
    void* handle = nullptr;
    code = create(&handle);
    if (code == 0) destroy(handle);
  });
  if (no_context) return {State::not_reached, finding.what, "waits for a context on that device", "", true};
  if (code == 0) return {State::passed, finding.what, "makes its handle", "", true};
  const Answer answer = kind.answer(code);
  finding.found = "Could not create the " + what + " handle: " + kind.create + " answered " + answer.name + " (" +
                  std::to_string(code) + ")";
  finding.advice = answer.advice;
  return finding;
}

struct Wanted {
  const LibraryRequest* request;
  const Kind* kind;
};
/// NVRTC before cuDNN, which compiles by it.
std::array<Wanted, 4> all_libraries(const GpuMachine& machine) {
  return {{{&machine.cublas_lt, &cublas}, {&machine.nvrtc, &nvrtc}, {&machine.cudnn, &cudnn}, {&machine.nccl, &nccl}}};
}
}  // namespace

void check_cuda_libraries(const GpuMachine& machine, const CudaDriver& driver, int devices,
                          std::vector<GpuFinding>& findings) {
  for (const auto& [request, kind] : all_libraries(machine)) {
    const SharedLibrary library = SharedLibrary::open(*request);
    findings.push_back(check_version(*request, *kind, library));
    if (findings.back().state != State::passed || !kind->create) continue;
    for (int i = 0; i < devices; ++i) findings.push_back(check_handle(request->what, *kind, library, driver, i));
  }
}

std::vector<std::pair<std::string, std::string>> cuda_software(const GpuMachine& machine) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto add = [&](const std::string& what, const LibraryVersion& version) {
    if (version != LibraryVersion{}) all.emplace_back(what, version.text());
  };
  const Nvml nvml(machine.management);
  const std::string module = GpuHardware::inspect(machine.system).module_version;
  const std::string driver = nvml.driver_version().empty() ? module : nvml.driver_version();
  if (!driver.empty()) all.emplace_back("driver", driver);
  add("CUDA that the driver runs", CudaDriver(machine.driver).cuda_version());
  if (machine.built_with_cuda) all.emplace_back("CUDA that this was built with", std::string(toolkit_version));
  for (const auto& [request, kind] : all_libraries(machine)) {
    const SharedLibrary library = SharedLibrary::open(*request);
    if (library.loaded()) add(request->what, kind->version(library));
  }
  return all;
}

}  // namespace strata
