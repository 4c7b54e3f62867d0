#include "core/device/cuda_driver.h"

#include <algorithm>
#include <array>

namespace strata {

namespace {
// The driver's interface is C and stable: its results and attributes are these numbers.
constexpr int success = 0, function_missing = 500;
enum Attribute { compute_mode = 20, capability_major = 75, capability_minor = 76 };
constexpr int mode_prohibited = 2, mode_exclusive = 3;

struct KnownError {
  int code;
  const char* name;
  const char* advice;
};

constexpr const char* mps_advice =
    "NVIDIA's multi-process service (MPS) does not answer: look at its log, or unset CUDA_MPS_PIPE_DIRECTORY to go "
    "without it";

constexpr std::array<KnownError, 20> known_errors{{
    {2, "CUDA_ERROR_OUT_OF_MEMORY",
     "the GPU's memory is full: `strata devices --processes` says who holds it; end one of those or wait for it"},
    {3, "CUDA_ERROR_NOT_INITIALIZED",
     "the driver did not start: restart the machine, then look at `dmesg | grep NVRM`"},
    {34, "CUDA_ERROR_STUB_LIBRARY",
     "a toolkit's stub was found in place of the driver's library: take its folder lib/stubs out of LD_LIBRARY_PATH "
     "and "
     "STRATA_CUDA_LIBRARIES"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE",
     "another process has the GPU for itself: `strata devices --processes` says which; wait for it. `nvidia-smi -q -d "
     "COMPUTE` "
     "shows whether the GPU is set to take one process only"},
    {100, "CUDA_ERROR_NO_DEVICE",
     "the driver sees no GPU that this process may use: check CUDA_VISIBLE_DEVICES, and `nvidia-smi` for GPUs at all"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "check that CUDA_VISIBLE_DEVICES names GPUs that `nvidia-smi -L` lists"},
    {102, "CUDA_ERROR_DEVICE_NOT_LICENSED",
     "a virtual GPU wants its licence: see NVIDIA's vGPU licensing, or ask the administrator"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE",
     "the GPU's memory reported an error that cannot be corrected: see `nvidia-smi -q -d ECC`; restart the machine"},
    {304, "CUDA_ERROR_OPERATING_SYSTEM",
     "the system refused the driver something: check the rights of /dev/nvidia* and that /dev/nvidia-uvm is there "
     "(`nvidia-modprobe -u -c=0` makes it)"},
    {function_missing, "CUDA_ERROR_NOT_FOUND", "the driver is too old or not NVIDIA's: install a current one"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY",
     "GPUs that NVSwitch connects need NVIDIA's fabric manager, of the driver's own version, running: "
     "`systemctl status nvidia-fabricmanager`"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
     "the kernel's module and libcuda are of different versions, as after an update: restart the machine; in a "
     "container, start "
     "it anew"},
    {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
     "CUDA's compatibility package (cuda-compat) does not work on this GPU: take its folder out of LD_LIBRARY_PATH, "
     "and update "
     "the driver instead"},
    {805, "CUDA_ERROR_MPS_CONNECTION_FAILED", mps_advice},
    {806, "CUDA_ERROR_MPS_RPC_FAILURE", mps_advice},
    {807, "CUDA_ERROR_MPS_SERVER_NOT_READY", mps_advice},
    {808, "CUDA_ERROR_MPS_MAX_CLIENTS_REACHED", mps_advice},
    {809, "CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED", mps_advice},
    {810, "CUDA_ERROR_MPS_CLIENT_TERMINATED", mps_advice},
    {999, "CUDA_ERROR_UNKNOWN",
     "restart the machine; after it slept, loading the module nvidia_uvm anew is often enough. `dmesg | grep NVRM` has "
     "the "
     "driver's own words"},
}};
}  // namespace

DriverErrorText driver_error(int code) {
  const auto known =
      std::find_if(known_errors.begin(), known_errors.end(), [&](const KnownError& e) { return e.code == code; });
  if (known == known_errors.end())
    return {"CUDA error", "`dmesg | grep NVRM` has the driver's own words; restarting the machine often helps"};
  return {known->name, known->advice};
}

std::string CudaDriver::Failure::text() const {
  return call + " failed with " + driver_error(code).name + " (" + std::to_string(code) + ")";
}

CudaDriver::CudaDriver(const LibraryRequest& request) : library_(SharedLibrary::open(request)) {}

template <class... Arguments>
std::optional<CudaDriver::Failure> CudaDriver::call(const char* name, Arguments... arguments) const {
  const auto function = library_.find<int(Arguments...)>(name);
  const int code = function ? function(arguments...) : function_missing;
  if (code == success) return std::nullopt;
  return Failure{name, code};
}

std::optional<CudaDriver::Failure> CudaDriver::initialize() const { return call("cuInit", 0u); }

LibraryVersion CudaDriver::cuda_version() const {
  int number = 0;
  if (call("cuDriverGetVersion", &number)) return {};
  return LibraryVersion::of_number(number, 1000, 10);
}

std::optional<CudaDriver::Failure> CudaDriver::devices(std::vector<DriverDevice>& list) const {
  int count = 0;
  if (auto failure = call("cuDeviceGetCount", &count)) return failure;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    int device = 0, mode = 0;
    char name[128] = "", bus[32] = "";
    DriverDevice d;
    if (auto failure = call("cuDeviceGet", &device, ordinal)) return failure;
    if (auto failure = call("cuDeviceGetName", static_cast<char*>(name), static_cast<int>(sizeof name), device))
      return failure;
    if (auto failure = call("cuDeviceGetPCIBusId", static_cast<char*>(bus), static_cast<int>(sizeof bus), device))
      return failure;
    if (auto failure = call("cuDeviceTotalMem_v2", &d.total_memory, device)) return failure;
    for (auto [attribute, value] :
         {std::pair{capability_major, &d.compute_capability.major},
          std::pair{capability_minor, &d.compute_capability.minor}, std::pair{compute_mode, &mode}})
      if (auto failure = call("cuDeviceGetAttribute", value, static_cast<int>(attribute), device)) return failure;
    d.name = name;
    d.bus = bus;
    d.mode = mode == mode_prohibited  ? DriverDevice::Mode::prohibited
             : mode == mode_exclusive ? DriverDevice::Mode::exclusive
                                      : DriverDevice::Mode::shared;
    list.push_back(std::move(d));
  }
  return std::nullopt;
}

std::optional<CudaDriver::Failure> CudaDriver::with_context(int ordinal, const std::function<void()>& work) const {
  int device = 0;
  void* context = nullptr;
  if (auto failure = call("cuDeviceGet", &device, ordinal)) return failure;
  if (auto failure = call("cuDevicePrimaryCtxRetain", &context, device)) return failure;
  auto failure = call("cuCtxPushCurrent_v2", context);
  if (!failure) {
    work();
    void* popped = nullptr;
    failure = call("cuCtxPopCurrent_v2", &popped);
  }
  call("cuDevicePrimaryCtxRelease_v2", device);
  return failure;
}

}  // namespace strata
