#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/cuda/dnn.h"
#include "core/device/shared_library.h"

/// The one place that speaks to cuDNN's graphs (through cudnn-frontend, whose headers take half a minute to compile):
/// which engines solve a problem, and plans of them. Not in builds with an emulated GPU.
namespace strata::cuda::dnn {

/// cuDNN, loaded at first use. Error, with every place that was looked in, when there is none.
const SharedLibrary& library();
/// "9.19.0"
std::string version();

/// A handle of cuDNN for the calling thread's device. Error naming the status and its usual causes.
void* create_handle(const SharedLibrary&);

/// What plans are made for.
class Device {
 public:
  /// The device of a handle.
  explicit Device(void* handle) : handle_(handle) {}
  /// A device that need not be here, from the JSON that cuDNN writes of a device's properties: it answers which engines
  /// there are, but nothing runs. Error with cuDNN's words when a member is missing.
  static Device described(const std::string& json);

  void* handle() const { return handle_; }
  /// The description, of the frontend's type; null with a handle.
  const std::shared_ptr<const void>& properties() const { return properties_; }

 private:
  void* handle_ = nullptr;
  std::shared_ptr<const void> properties_;
};

/// A plan of cuDNN's, ready to run.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::size_t workspace_bytes() const = 0;
  /// What restore() reads, compiled kernels included.
  virtual std::string serialized() const = 0;
  virtual void run(void* handle, std::span<void* const> addresses, void* workspace) const = 0;
};

/// An engine with its settings, not built yet.
struct Choice {
  std::string name;
  std::size_t workspace_bytes = 0;
  bool compiled = false;  ///< building it compiles a kernel
};

/// What the heuristics name for a problem, the best first, less what the options and the types forbid.
class Answer {
 public:
  virtual ~Answer() = default;
  const std::vector<Choice>& choices() const { return choices_; }
  /// Why there are no choices, in cuDNN's words; and how many engines were passed over for which reason.
  const std::string& reason() const { return reason_; }
  /// Error with cuDNN's words when the plan cannot be built.
  virtual std::shared_ptr<const Engine> build(std::size_t choice) const = 0;

 protected:
  std::vector<Choice> choices_;
  std::string reason_;
};

/// Never throws because of a problem that cuDNN does not solve: then there are no choices.
std::unique_ptr<Answer> ask(const Device&, const ConvProblem&, const DnnOptions&);

/// A plan that was kept. Error when cuDNN refuses it, as one of another version or device.
std::shared_ptr<const Engine> restore(const Device&, const ConvProblem&, const std::string& serialized);

}  // namespace strata::cuda::dnn
