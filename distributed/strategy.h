#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/device/device.h"

/// Training one model on several devices, after tf.distribute.
namespace strata::distribute {

class StrategyScope;

/// How replicas on GPUs exchange arrays; those on the processor do it in its memory.
enum class Communication : std::uint8_t {
  automatic,  ///< by NCCL; where it cannot be had through the processor's memory, as one line on stderr says
  nccl,       ///< by NCCL, or it is an Error that says why not
  host,       ///< through the processor's memory
};

struct StrategyOptions {
  /// What a replica waits for another one, at most, before the step ends with an error.
  double timeout_seconds = 600;
  Communication communication = Communication::automatic;
  /// Each replica keeps the optimizer's state of some of the weights only, and updates those; the others get the new
  /// weights from it. Numbers are the same but for rounding; the optimizer's state takes one part in
  /// num_replicas_in_sync() of the memory, and weights travel once more.
  bool shard_optimizer_state = false;
};

/// Where the models of its scope are trained. A handle: copies are the same strategy.
class STRATA_API Strategy {
 public:
  /// `auto scope = strategy.scope();`: for what is made until the end of the block.
  StrategyScope scope() const;
  /// Copies of each model, which train together.
  int num_replicas_in_sync() const { return static_cast<int>(devices().size()); }
  /// Of each replica.
  const std::vector<Device>& devices() const;
  const StrategyOptions& options() const;
  /// "MirroredStrategy(cpu:0, cpu:1)"
  std::string describe() const;

  friend bool operator==(const Strategy& a, const Strategy& b) { return a.state_ == b.state_; }

 protected:
  Strategy(const char* class_name, std::vector<Device> devices, const StrategyOptions& options);

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Each device has a replica of the model. Of every batch that fit, evaluate, predict and their like get (the global
/// batch) each replica takes its part, the first ones one sample more where it does not come out even; gradients are
/// added up over the replicas, so that a step is that of one device on the whole batch, and all replicas keep the same
/// weights. Exceptions, as in Keras: BatchNormalization looks at a replica's own samples unless it is `synchronized`,
/// and every replica draws random numbers of its own.
class STRATA_API MirroredStrategy : public Strategy {
 public:
  /// All GPUs where none are named; an error where there is none. Error for a device that is not there, which lists
  /// those that are, for one that is named twice, and for GPUs beside processors. A processor takes any number of
  /// replicas: "cpu:0", "cpu:1", ... share its threads.
  explicit MirroredStrategy(const std::vector<std::string>& devices = {}, const StrategyOptions& options = {});
};

/// One replica, on the device named.
class STRATA_API OneDeviceStrategy : public Strategy {
 public:
  explicit OneDeviceStrategy(const std::string& device);
};

/// While it lives, models made by this thread belong to the strategy, and new tensors and variables are made on its
/// first device. Error inside another strategy's scope.
class STRATA_API StrategyScope {
 public:
  explicit StrategyScope(const Strategy& strategy);
  StrategyScope(const StrategyScope&) = delete;
  StrategyScope& operator=(const StrategyScope&) = delete;
  ~StrategyScope();

 private:
  Strategy strategy_;
  DeviceScope device_;
};

/// The strategy whose scope this thread is in; null outside.
STRATA_API const Strategy* current_strategy();

}  // namespace strata::distribute
