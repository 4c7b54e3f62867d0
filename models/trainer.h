#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/compile/function.h"
#include "models/batches.h"
#include "models/options.h"
#include "models/steps.h"

namespace strata {

/// Bytes that no plan may take: for what comes and goes beside a step, such as the logs.
inline constexpr std::int64_t reserved_memory = 64 << 10;

/// What compile makes: loss, metrics and optimizer of a model, and the steps that use them. Every step is lowered once,
/// as one graph: forward, loss, backward, update, metrics.
class Trainer {
 public:
  Trainer(ModelDefinition& model, const CompileOptions& options);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;
  ~Trainer();

  void train_on(const Batch& batch) { run(Mode::train, batch); }
  void test_on(const Batch& batch) { run(Mode::infer, batch); }
  /// Loss and metrics since the last reset as they are now: read when they are looked at, or, if somebody still holds them
  /// then, before they change.
  Logs logs();
  void reset_metrics();
  /// One step, timed if there is a timer.
  void run(Mode mode, const Batch& batch, StepTimer* timer = nullptr);
  /// The step on batches of these types, compiled at the first; of several replicas the first one's.
  std::shared_ptr<Executable> step(Mode mode, const Batch& batch) { return compiled(mode, batch)->parts[0]; }
  /// The gradient of the training loss with respect to each trainable weight. Nothing of the model changes.
  Tensors gradients_on(const Batch& batch);
  /// The plan of a step on `batch_size` samples, made without data.
  std::shared_ptr<const Plan> plan(Mode mode, std::int64_t batch_size);
  /// Random numbers of the types that a step takes: inputs normal, or 0 and 1 where they are integers (an Embedding's);
  /// targets from 0 to 1, or classes where the loss wants them. Drawn with the next seeds of the process, in the
  /// processor's memory. Error, as for plan, when an input has an open size beside the batch.
  Batch random_batch(std::int64_t batch_size);

  /// The one that trains: that of the options, or a LossScaleOptimizer around it.
  Optimizer& optimizer() { return optimizer_; }
  const CompileOptions& options() const { return options_; }
  /// The most samples, up to `most`, for which a training step fits: into the compile's memory limit, and into what is
  /// free on the device (without swapping) beside `staged` bytes for each sample. `sample` is a batch of one.
  /// MemoryError when not even one fits.
  std::int64_t largest_batch(const Batch& sample, std::int64_t most, std::size_t staged);
  /// What the first training step that computes something again says about it, once.
  std::string take_note() { return std::exchange(note_, {}); }
  /// Where the order of the samples comes from: drawn once, at compile.
  std::uint64_t shuffle_seed() const { return shuffle_seed_; }
  void set_shuffle_seed(std::uint64_t seed) { shuffle_seed_ = seed; }
  /// Makes what the first step on such a batch makes: the step, the optimizer's state, the metrics.
  void prepare(const Batch& batch) { compiled(Mode::train, batch); }
  /// What the running means and metrics have gathered, by log and variable.
  std::vector<std::pair<std::string, Variable>> metric_state() const;
  /// Whether larger values of a log are better; nothing when its metric does not say.
  std::optional<bool> larger_is_better(const std::string& log) const;

 private:
  struct Output {
    std::optional<Loss> loss;
    double weight = 1;
    std::vector<Metric> metrics, weighted_metrics;
  };
  /// A running mean, or a metric, with its log's name.
  struct Tracker {
    std::string name;
    Metric metric;
  };
  struct Signature {
    Types x, y, w;
  };
  /// Numbers that were promised to the holder of logs.
  struct Promise;

  /// Reads now what holders of logs may look at later.
  void keep_promises();
  Logs::Items read_logs();
  static Tensors arguments(const Batch& batch);
  static Signature signature_of(const Batch& batch);
  static Signature with_batch(Signature types, std::int64_t samples);
  std::shared_ptr<const CompiledStep> compiled(Mode mode, const Batch& batch);
  /// The graph of a step, and its inputs; of a replica's part within a ReplicationScope.
  struct Lowered {
    Values inputs;
    Graph graph;
  };
  Lowered lower_step(Mode mode, const Signature& types);
  PlanOptions plan_options() const;
  CompiledStep compile_on_replicas(Mode mode, const Signature& types);
  /// On the one device of the model.
  std::shared_ptr<const Plan> compile_step(Mode mode, const Signature& types, bool check_memory = true);
  /// compile_step, with an error that names the largest batch that fits, found by trying.
  std::shared_ptr<const Plan> compile_step_or_advise(Mode mode, const Signature& types);
  void resolve_outputs();
  Values call_model(const Values& x, Mode mode);
  Value add_losses(const Values& y, const Values& outputs, const Values& w, Updates& updates);
  void add_metrics(const Values& y, const Values& outputs, const Values& w, Updates& updates);
  void track_mean(const std::string& name, const Value& loss, std::int64_t batch, Updates& updates);
  /// The model's own copy of a metric, made at its first use.
  Metric& tracker(const std::string& name, const Metric& prototype);
  /// Types of a step's arguments, made up from the model's inputs and outputs and its losses.
  Signature guessed_types(std::int64_t batch);
  Types guessed_targets(std::int64_t batch) const;

  ModelDefinition& model_;
  CompileOptions options_;
  Optimizer optimizer_;
  std::string note_;
  bool noted_ = false;
  std::int64_t largest_batch_ = 0;  ///< that was trained on
  std::vector<Output> outputs_;
  std::vector<Tracker> trackers_;
  StepCache steps_;
  Function results_;
  std::shared_ptr<ArenaPool> arenas_;  // the model's, which may go before its trainer
  std::vector<std::shared_ptr<Promise>> promises_;
  std::uint64_t shuffle_seed_;
};

}  // namespace strata
