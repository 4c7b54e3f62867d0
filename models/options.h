#pragma once

#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "layers/losses.h"
#include "layers/metrics.h"
#include "models/callbacks.h"
#include "optim/optimizer.h"

namespace strata {

/// Tensors for the inputs or outputs of a model, by position or by name.
class STRATA_API Data {
 public:
  Data() = default;
  Data(Tensor t) : tensors_{std::move(t)} {}
  Data(Tensors t) : tensors_(std::move(t)) {}
  Data(std::initializer_list<Tensor> t) : tensors_(t) {}
  Data(std::initializer_list<std::pair<std::string, Tensor>> named);

  bool empty() const { return tensors_.empty(); }
  /// In the order of `names`; error naming `what` and the missing, unknown or superfluous ones. Positional data of the right number is
  /// returned as it is.
  Tensors in_order(const std::vector<std::string>& names, std::string_view what) const;

 private:
  std::vector<std::string> names_;
  Tensors tensors_;
};

/// One loss for all outputs, one per output by position, or by output name.
class STRATA_API LossSpec {
 public:
  LossSpec() = default;
  LossSpec(const char* identifier) : LossSpec(Loss(identifier)) {}
  LossSpec(const std::string& identifier) : LossSpec(Loss(identifier)) {}
  template <std::convertible_to<Loss> L>
  LossSpec(const L& loss) : losses_{{"", Loss(loss)}}, single_(true) {}
  LossSpec(std::initializer_list<Loss> by_position);
  LossSpec(std::initializer_list<std::pair<std::string, Loss>> by_name);

  static LossSpec from_items(std::vector<std::pair<std::string, Loss>> by_name);

  bool empty() const { return losses_.empty(); }
  /// One loss for all outputs, or losses that go by names (else by position).
  bool is_single() const { return single_; }
  bool is_named() const { return named_; }
  const std::vector<std::pair<std::string, Loss>>& items() const { return losses_; }
  /// One for each output, empty handles where there is none. Error naming unknown outputs or a wrong number.
  std::vector<std::optional<Loss>> for_outputs(const std::vector<std::string>& names) const;

 private:
  std::vector<std::pair<std::string, Loss>> losses_;
  bool single_ = false, named_ = false;
};

/// Metrics for every output, or by output name.
class STRATA_API MetricSpec {
 public:
  MetricSpec() = default;
  MetricSpec(std::initializer_list<Metric> all) : metrics_{{"", std::vector<Metric>(all)}} {}
  MetricSpec(std::initializer_list<std::pair<std::string, std::vector<Metric>>> by_name) : metrics_(by_name), named_(true) {}

  /// For each output its metrics. Unnamed metrics belong to the only output; with several outputs they are an error.
  std::vector<std::vector<Metric>> for_outputs(const std::vector<std::string>& names) const;
  /// By name; an empty name means the only output.
  static MetricSpec from_items(std::vector<std::pair<std::string, std::vector<Metric>>> by_name);

  bool empty() const { return metrics_.empty(); }
  bool is_named() const { return named_; }
  const std::vector<std::pair<std::string, std::vector<Metric>>>& items() const { return metrics_; }

 private:
  std::vector<std::pair<std::string, std::vector<Metric>>> metrics_;
  bool named_ = false;
};

/// Keras's arguments of compile, in its order.
struct CompileOptions {
  Optimizer optimizer = "rmsprop";
  LossSpec loss = {};
  std::vector<std::pair<std::string, double>> loss_weights = {};
  MetricSpec metrics = {};
  MetricSpec weighted_metrics = {};
  /// Node by node, nothing fused: slower, for debugging.
  bool run_eagerly = false;
  /// Under the policy "mixed_float16" the optimizer is wrapped in a LossScaleOptimizer, unless it is one.
  bool auto_scale_loss = true;
  /// Not in Keras: most bytes that a step may take beside weights and data (StepPlan::peak_bytes), 0 for any number. To
  /// stay within, training steps compute activations again in the backward pass instead of keeping them, cheapest
  /// first, which changes no bit of the result; fit says once what it costs. A MemoryError before the first step if not
  /// even that is enough. It is not saved with the model.
  std::int64_t memory_limit = 0;
};

/// How many samples make a step: a number, -1 for Keras's default, or "auto": the most that fit into the memory that
/// the device has free, and into CompileOptions::memory_limit.
class STRATA_API BatchSize {
 public:
  template <std::integral I>
  BatchSize(I samples) : samples_(static_cast<std::int64_t>(samples)) {}
  /// "auto". Error for anything else.
  BatchSize(const char* text);
  static BatchSize automatic() { return BatchSize(automatic_); }

  bool is_automatic() const { return samples_ == automatic_; }
  /// The number given. Error when it is automatic.
  std::int64_t samples() const;

 private:
  static constexpr std::int64_t automatic_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t samples_;
};
STRATA_API std::string to_string(const BatchSize&);

/// Tensors to validate on, with optional sample weights, or a Dataset of batches.
struct ValidationData {
  ValidationData() = default;
  ValidationData(Data x_, Data y_, Data sample_weight_ = {})
      : x(std::move(x_)), y(std::move(y_)), sample_weight(std::move(sample_weight_)) {}
  ValidationData(data::Dataset batches) : dataset(std::move(batches)) {}
  Data x, y, sample_weight;
  std::optional<data::Dataset> dataset;
  bool empty() const { return x.empty() && !dataset; }
};

inline constexpr int verbose_auto = -1;

/// Keras's arguments of fit, in its order. -1 stands for None.
struct FitOptions {
  BatchSize batch_size = -1;     ///< 32, or n / steps_per_epoch; "auto" is not in Keras
  int epochs = 1;                ///< number of the last epoch
  int verbose = verbose_auto;    ///< 0 silent, 1 bar, 2 a line per epoch; auto is 1
  Callbacks callbacks = {};
  double validation_split = 0;   ///< the last fraction of the samples, before shuffling
  ValidationData validation_data = {};
  bool shuffle = true;           ///< a new permutation every epoch; Datasets shuffle themselves
  std::map<std::int64_t, double> class_weight = {};
  Data sample_weight = {};
  int initial_epoch = 0;
  std::int64_t steps_per_epoch = -1;
  std::int64_t validation_steps = -1;
  std::int64_t validation_batch_size = -1;
  int validation_freq = 1;
  /// Not in Keras: the progress line says what memory is in use on the device, and how busy that is.
  bool show_memory = false;
  /// Not in Keras: a request ends training after the current step; History holds the epochs that were finished.
  std::stop_token stop = {};
};

struct EvaluateOptions {
  std::int64_t batch_size = -1;
  int verbose = verbose_auto;
  Data sample_weight = {};
  std::int64_t steps = -1;
  Callbacks callbacks = {};
};

struct PredictOptions {
  std::int64_t batch_size = -1;
  int verbose = 0;
  std::int64_t steps = -1;
  Callbacks callbacks = {};
};

struct SaveOptions {
  bool include_optimizer = true;  ///< false: without the optimizer's state, and a legacy `.h5` without compile settings
};

struct LoadWeightsOptions {
  bool by_name = false;        ///< legacy `.h5` only: layers go by their names, those without a counterpart are left alone
  bool skip_mismatch = false;  ///< layers that do not fit are left alone, with a warning; of legacy files with by_name only
  bool isolated = false;       ///< as in LoadOptions
};

struct PlanOptionsForModel {
  std::int64_t batch_size = 32;
  Mode mode = Mode::train;
};

struct SummaryOptions {
  int line_length = -1;
  bool expand_nested = false;
  bool show_trainable = false;
};

}  // namespace strata
