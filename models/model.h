#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/compile/plan.h"
#include "layers/layer.h"
#include "models/options.h"
#include "models/profile.h"

namespace strata {

class Trainer;

/// What predict returns: one tensor per output. Converts to a Tensor when there is one.
class STRATA_API Predictions {
 public:
  Predictions(Tensors tensors) : tensors_(std::move(tensors)) {}
  /// Error when the model has several outputs.
  operator Tensor() const;
  operator Tensors() const { return tensors_; }
  const Tensor& operator[](std::size_t i) const { return tensors_.at(i); }
  std::size_t size() const { return tensors_.size(); }

 private:
  Tensors tensors_;
};

/// What a training step will be, before any data.
class STRATA_API StepPlan {
 public:
  explicit StepPlan(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}
  std::size_t steps() const { return plan_->steps().size(); }
  /// Bytes that a step takes from the device beside weights and data.
  std::size_t peak_bytes() const { return plan_->peak_bytes(); }
  /// Bytes of the variables that a step reads or writes: weights, the optimizer's state, metrics.
  std::size_t variable_bytes() const;
  /// Multiplications and additions of its products and convolutions (Plan::flops).
  double flops() const { return plan_->flops(); }
  std::string dump() const { return plan_->dump(); }
  std::string dump_graphviz() const { return plan_->dump_graphviz(); }

 private:
  std::shared_ptr<const Plan> plan_;
};

class ModelDefinition;

/// A graph of layers with inputs and outputs, and Keras's training loop around it. A handle: copies are the same model.
/// A model is a layer: it can be called inside another.
class STRATA_API Model : public Layer {
 public:
  Model() = default;
  /// Error when an output does not depend on the inputs given, or two layers share a name.
  Model(const Symbols& inputs, const Symbols& outputs, const std::string& name = "");
  /// Of a model that stands for a layer of another one: Model(outer.get_layer("backbone")). Error when it is none.
  explicit Model(const Layer& layer);

  /// Keras's compile. Error for an unknown optimizer; losses and metrics are checked against the outputs at the first
  /// step, when shapes are known.
  void compile(const CompileOptions&);
  bool compiled() const;

  /// Trains; every error of arguments and shapes comes before the first step. Ends early on FitOptions::stop or when a
  /// callback asks. While it runs, no other thread may use the model (a named error).
  History fit(const Data& x, const Data& y, const FitOptions& = {});
  History fit(const data::Dataset& batches, const FitOptions& = {});
  /// Loss and metrics by name, over all samples.
  Logs evaluate(const Data& x, const Data& y, const EvaluateOptions& = {});
  Logs evaluate(const data::Dataset& batches, const EvaluateOptions& = {});
  /// Outputs for all samples. Safe from several threads at once.
  Predictions predict(const Data& x, const PredictOptions& = {});
  Predictions predict(const data::Dataset& batches, const PredictOptions& = {});

  /// One step on one batch. Like Keras 3, the logs are means since the last reset_metrics or epoch start.
  Logs train_on_batch(const Data& x, const Data& y, const Data& sample_weight = {});
  Logs test_on_batch(const Data& x, const Data& y, const Data& sample_weight = {});
  Predictions predict_on_batch(const Data& x);
  void reset_metrics();

  /// The step that fit would run, without data: y is taken to be what the loss expects. Obeys memory limits and the
  /// placement log.
  StepPlan plan(const PlanOptionsForModel& = {});

  /// Runs training steps (or test steps) on the first batch of the data and says where their time goes. The model is as
  /// it was before afterwards: weights, optimizer, random streams, metrics.
  StepProfile profile(const Data& x, const Data& y, const ProfileOptions& = {});

  /// Keras's table, to standard output or as text.
  void summary(const SummaryOptions& = {}) const;
  std::string summary_text(const SummaryOptions& = {}) const;

  /// Keras's order (by depth), without its InputLayers: inputs are symbols here.
  Layers layers() const;
  /// Error that lists the layers there are.
  Layer get_layer(const std::string& name) const;
  /// By Keras's index, which counts the InputLayers of a functional model; negative ones from the end. Error for the
  /// index of an input, too.
  Layer get_layer(std::int64_t index) const;
  Symbols inputs() const;
  Symbols outputs() const;
  std::vector<std::string> input_names() const;
  /// Names of the layers that give the outputs; a layer that gives several is followed by a number: `dense`, `dense_1`.
  std::vector<std::string> output_names() const;
  Optimizer optimizer() const;
  /// Layers and calls in Keras 3's words, without weights; see models/model_config.h for the way back.
  Config get_config() const;
  std::string to_json() const;

  /// The whole model as a file, which load_model and Keras read: `.keras`, or a legacy `.h5` or `.hdf5` that Keras 2.15 reads, too. With
  /// compile settings and the optimizer's state, so that training goes on where it stood; Keras 3 drops that state from
  /// legacy files. The file that was there before stays whole unless the new one is complete. Of several processes that
  /// train the model the first one writes, and the others return at once, as in save_weights.
  void save(const std::string& path, const SaveOptions& options = {}) const;
  /// Keras's `.weights.h5`, with the optimizer's state when the model is compiled and has trained. Atomic like save.
  void save_weights(const std::string& path) const;
  /// From `.weights.h5`, several of them listed in a `.weights.json`, `.keras`, or legacy `.h5` and `.hdf5` of any
  /// version, whole or weights alone. Checks everything before it changes anything. Error naming what does not fit.
  void load_weights(const std::string& path, const LoadWeightsOptions& options = {});

  ModelDefinition& definition() const;

 protected:
  explicit Model(std::shared_ptr<ModelDefinition> definition);

 private:
  Trainer& trainer(std::string_view what) const;
};

/// A layer, or the Input that a Sequential starts with.
class STRATA_API SequentialItem {
 public:
  SequentialItem(const Layer& layer) : layer_(layer) {}
  SequentialItem(const Symbol& input) : input_(input) {}
  const Layer& layer() const { return layer_; }
  const Symbol& input() const { return input_; }

 private:
  Layer layer_;
  Symbol input_;
};

/// Layers one after the other. Without an Input the model is built at its first call, from the data's shape.
class STRATA_API Sequential : public Model {
 public:
  explicit Sequential(const std::vector<SequentialItem>& items = {}, const std::string& name = "");
  /// Error when the model was built already, or a layer of this name is there.
  void add(const SequentialItem& item);
  /// Takes off the last layer and returns it, with its weights; the model is to be compiled again. Error when there is none.
  Layer pop();
};

}  // namespace strata
