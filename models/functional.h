#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/compile/execution.h"
#include "distributed/strategy.h"
#include "layers/layer.h"

namespace strata {

namespace distribute {
class Replicas;
}
class Communicator;
class Predictor;
class Trainer;

/// Who uses a model: many threads may predict at once, one may train, and then nobody else may do anything. Waiting would
/// hide a mistake, so it is an error that says so.
class STRATA_API UseGuard {
 public:
  enum class Use { reading, training };
  struct State {
    std::mutex mutex;
    int readers = 0;
    int depth = 0;  ///< of nested uses by the training thread
    std::thread::id trainer;
  };
  UseGuard(State& state, Use use, const std::string& model);
  UseGuard(const UseGuard&) = delete;
  UseGuard& operator=(const UseGuard&) = delete;
  ~UseGuard();

 private:
  State& state_;
  bool by_trainer_ = false;
};

/// What a Model handle stands for: the graph of layers. Sequential gives its layers first and gets its graph when the
/// input shape is known.
class STRATA_API ModelDefinition : public layers::Base {
 public:
  ModelDefinition(const Symbols& inputs, const Symbols& outputs);
  explicit ModelDefinition(Layers sequence);
  ~ModelDefinition() override;

  void build_inputs(const Shapes& shapes) override;
  Values call_inputs(const Values& inputs, Mode mode) override;
  Config config() const override;
  Layers sublayers() const override { return layers_; }
  void check_input_count(std::size_t count) const override;
  /// The layers inside say what becomes of masks and of element types.
  bool supports_masking() const override { return true; }
  Values compute_mask(const Values&, const Values&) const override { return {}; }
  bool casts_inputs() const override { return false; }
  Config common_config() const override;

  bool is_sequential() const { return sequential_; }
  /// Whether inputs and outputs are known.
  bool has_graph() const { return !outputs_.empty(); }
  void set_graph(const Symbols& inputs, const Symbols& outputs);
  /// Appends to a Sequential.
  void append(const Layer& layer);
  /// Takes the last layer off a Sequential; what was compiled goes. Error when there is none.
  Layer remove_last();
  /// Starts a Sequential's graph: calls its layers one after the other.
  void start_from(const Symbol& input);

  /// Where the weights lie; before there are any, where they will be made.
  Device device() const;

  const Symbols& inputs() const { return inputs_; }
  const Symbols& outputs() const { return outputs_; }
  std::vector<std::string> input_names() const;
  /// Names of the layers that produce the outputs, as Keras has them: a layer that is several outputs comes as often.
  std::vector<std::string> output_layer_names() const;
  /// The same with a number behind a name that was there before, so that each output can be told.
  std::vector<std::string> output_names() const;
  /// Calls in the order of Keras's `operations`, inputs included; for the summary.
  const std::vector<std::shared_ptr<const SymbolNode>>& operations() const { return operations_; }
  /// All calls, inputs before users.
  const std::vector<std::shared_ptr<const SymbolNode>>& calls() const { return calls_; }
  /// Sets the flag of a model that a file describes: the layers inside have their own.
  void restore_trainable(bool trainable) { set_own_trainable(trainable); }

  std::shared_ptr<Trainer> trainer;      ///< null before compile
  std::unique_ptr<Predictor> predictor;  ///< never null
  UseGuard::State use;
  std::mutex building;                   ///< held while a Sequential gets its graph from data
  std::shared_ptr<ArenaPool> arenas = std::make_shared<ArenaPool>();
  /// In whose scope the model was made, if in any.
  const std::optional<distribute::Strategy>& strategy() const { return strategy_; }
  /// Those of a strategy of several replicas, null otherwise.
  distribute::Replicas* replicas() const { return replicas_.get(); }
  /// Of several processes each predicts for itself, so that one may do it alone.
  bool predicts_on_replicas() const;
  /// False in all but the first of several processes: they neither show progress nor write files.
  bool speaks() const { return !strategy_ || strategy_->rank() == 0; }
  /// What this process exchanges with the others that train the model; null where there is one process.
  std::shared_ptr<Communicator> communicator() const;

 private:
  void join_strategy();
  void check_names() const;
  void call_in_turn(const Symbol& input);
  std::optional<distribute::Strategy> strategy_;
  std::unique_ptr<distribute::Replicas> replicas_;
  bool sequential_ = false;
  Layers layers_;
  Symbols inputs_, outputs_;
  std::vector<std::shared_ptr<const SymbolNode>> operations_;  // Keras's order
  std::vector<std::shared_ptr<const SymbolNode>> calls_;       // inputs before users
};

}  // namespace strata
