#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/device/library_version.h"
#include "core/device/shared_library.h"

namespace strata {

/// A device as the driver lists it to this process.
struct DriverDevice {
  std::string name;  ///< "NVIDIA H100 80GB HBM3"
  std::string bus;   ///< PCI address, "0000:01:00.0"
  LibraryVersion compute_capability;
  std::size_t total_memory = 0;
  /// Who may compute on it: everybody, one process at a time, nobody.
  enum class Mode { shared, exclusive, prohibited } mode = Mode::shared;
};

/// What Strata asks NVIDIA's driver (libcuda) itself, without CUDA's headers, so that builds without CUDA can ask as
/// well.
class CudaDriver {
 public:
  /// What a call that failed returned.
  struct Failure {
    std::string call;  ///< "cuInit"
    int code = 0;
    /// "cuInit failed with CUDA_ERROR_NO_DEVICE (100)"
    std::string text() const;
  };

  explicit CudaDriver(const LibraryRequest& request = cuda_libraries::driver());

  const SharedLibrary& library() const { return library_; }
  /// cuInit, once for each process: what it returned, if it failed. The library must be loaded.
  std::optional<Failure> initialize() const;
  /// The newest CUDA that the driver can run; 0.0 when it does not say. Needs no initialize().
  LibraryVersion cuda_version() const;
  /// The devices that CUDA_VISIBLE_DEVICES leaves. Needs initialize().
  std::optional<Failure> devices(std::vector<DriverDevice>& list) const;
  /// Makes a context on a device, calls `work` with it current and takes it back; the failure if there is no context to
  /// be had, which is what a busy, a forbidden or a full device shows.
  std::optional<Failure> with_context(int device, const std::function<void()>& work) const;

 private:
  template <class... Arguments>
  std::optional<Failure> call(const char* name, Arguments... arguments) const;

  SharedLibrary library_;
};

/// The name of one of the driver API's results, "CUDA_ERROR_NO_DEVICE", and what a user can do about it (sentences
/// without a final full stop; empty when nothing is known).
struct DriverErrorText {
  std::string name, advice;
};
DriverErrorText driver_error(int code);

}  // namespace strata
