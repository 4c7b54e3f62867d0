#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/device/shared_library.h"

namespace strata {

/// NVIDIA's management library, loaded on demand: what GPUs are doing now, and who uses them. It sees all GPUs of the
/// machine, whatever CUDA_VISIBLE_DEVICES says, and needs no context on them.
class Nvml {
 public:
  struct Process {
    int pid = 0;
    std::int64_t bytes = -1;  ///< -1 where the driver does not say (Windows, containers without rights)
  };
  /// What it says of a GPU; what it does not say stays empty.
  struct State {
    std::string name;
    int index = -1;                                                     ///< the number that nvidia-smi gives it
    std::optional<std::int64_t> memory_total, memory_free;              ///< bytes
    std::optional<int> temperature, load, clock, highest_clock, power;  ///< degrees Celsius, percent, MHz, MHz, watts
  };

  explicit Nvml(const LibraryRequest& request = cuda_libraries::management());
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml();

  bool working() const { return initialized_; }
  /// Why it does not work, and what to do: sentences without a final full stop; empty while it works.
  std::string problem() const;
  std::string advice() const;
  const SharedLibrary& library() const { return library_; }
  /// What nvmlInit returned; 18 where kernel module and library are of different versions.
  int init_code() const { return init_code_; }

  /// "580.65.06"; empty when it does not say.
  std::string driver_version() const;
  /// The PCI addresses of all GPUs of the machine, in nvidia-smi's order: "0000:01:00.0".
  std::vector<std::string> buses() const;
  /// The GPU at this PCI address; nothing when there is none.
  std::optional<State> state(const std::string& bus) const;
  /// Who holds memory of the GPU at this PCI address.
  std::vector<Process> processes(const std::string& bus) const;

 private:
  struct Handle;
  template <class... Arguments>
  bool call(const char* name, Arguments... arguments) const;
  Handle* at(const std::string& bus) const;

  SharedLibrary library_;
  int init_code_ = 0;
  bool initialized_ = false;
};

}  // namespace strata
