#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/device/device.h"
#include "distributed/world.h"

/// Training one model on several devices, after tf.distribute.
namespace strata::distribute {

class ProcessGroup;
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
  /// num_replicas_in_sync() of the memory, and weights travel once more. For replicas of one process.
  bool shard_optimizer_state = false;
  /// After every so many steps the variables of all replicas are compared, and an error names the ranks and variables
  /// that differ: memory or a processor that errs, say. 0: never.
  int check_parameters_every = 0;
};

/// Where the models of its scope are trained. A handle: copies are the same strategy.
class STRATA_API Strategy {
 public:
  /// `auto scope = strategy.scope();`: for what is made until the end of the block.
  StrategyScope scope() const;
  /// Copies of each model, which train together.
  int num_replicas_in_sync() const;
  /// Of each replica in this process.
  const std::vector<Device>& devices() const;
  /// This process among those that train together; null where there is one.
  const std::shared_ptr<ProcessGroup>& processes() const;
  /// Of the first replica in this process.
  int rank() const;
  const StrategyOptions& options() const;
  /// "MirroredStrategy(cpu:0, cpu:1)"
  std::string describe() const;

  friend bool operator==(const Strategy& a, const Strategy& b) { return a.state_ == b.state_; }

 protected:
  Strategy(const char* class_name, std::vector<Device> devices, const StrategyOptions& options);
  /// One replica in each process of the world.
  Strategy(const char* class_name, const WorldOptions& world, const std::vector<std::string>& devices,
           const StrategyOptions& options);
  /// Of this process's devices, or, where it was started with others, of all of theirs.
  static Strategy mirrored(const std::vector<std::string>& devices, const StrategyOptions& options);

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
  /// replicas: "cpu:0", "cpu:1", ... share its threads. In one of several processes that `strata launch` or mpirun
  /// started it is a MultiWorkerMirroredStrategy.
  explicit MirroredStrategy(const std::vector<std::string>& devices = {}, const StrategyOptions& options = {});
};

/// One process for each replica, on one machine or many (docs/distributed.md). Every process runs the same program on
/// the same data, and takes its part of each batch; the first one's variables, and its random seed, become those of
/// all. It alone shows progress, and writes models and the files of callbacks.
class STRATA_API MultiWorkerMirroredStrategy : public Strategy {
 public:
  /// The world is that of the environment (world_from_environment), or this process alone. The device is the GPU of the
  /// process's local rank, or the processor where there are no GPUs; otherwise the one named, or, of as many as there
  /// are processes, that of its rank. Returns when all processes have come. An error on one replica ends the work of
  /// all: the processes have to be started again, and go on from a backup.
  explicit MultiWorkerMirroredStrategy(const std::vector<std::string>& devices = {},
                                       const StrategyOptions& options = {});
  explicit MultiWorkerMirroredStrategy(const WorldOptions& world, const std::vector<std::string>& devices = {},
                                       const StrategyOptions& options = {});
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
