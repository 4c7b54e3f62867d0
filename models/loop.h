#pragma once

#include "models/arguments.h"
#include "models/batches.h"
#include "models/model.h"
#include "models/progress.h"
#include "models/trainer.h"

namespace strata {

/// Keras's batch size when none is given.
inline constexpr std::int64_t default_batch_size = 32;

/// What a process shows and which callbacks it runs: of several processes the first one all of it, the others nothing,
/// and none that only write.
int shown_by(const ModelDefinition& model, int verbose);
Callbacks run_by(const ModelDefinition& model, const Callbacks& all);

/// All test steps of a source; `steps` < 0 means a whole pass. Returns the logs.
Logs run_evaluation(Trainer& trainer, BatchSource& source, std::int64_t steps, const Callbacks& callbacks, int verbose);

/// The training loop of fit over any source of batches. Everything that it must know to go on is in `at_`, `history_`
/// and `last_logs_`, so that a run can be saved between any two steps (resume.cpp).
class FitLoop {
 public:
  FitLoop(Model& model, Trainer& trainer, BatchSource& training, BatchSource* validation, const FitOptions& options);
  /// An error here ends the waiting of the other processes, where there are some.
  History run();

 private:
  struct Position {
    int epoch = 0;          ///< the one that runs, or that comes next
    std::int64_t step = 0;  ///< batches of it that are done
    bool pass_started = false;
    int pass_epoch = 0;  ///< epoch in which the pass over the data began: fewer than epochs with steps_per_epoch
    std::int64_t pass_batches = 0;  ///< batches of the pass that are done
    std::uint64_t first_batch = 0;  ///< fingerprint of the pass's first batch
    bool stopped = false;           ///< a callback wants no further step
    bool ran_out = false;
  };

  History run_epochs();
  /// False when the epoch was cut short by FitOptions::stop, or had no batch.
  bool run_epoch();
  void begin_epoch();
  bool next_batch(Batch& batch);
  void add_class_weights(Batch& batch) const;
  bool wants_batch() const;
  void warn_that_data_ran_out();
  void end_epoch(Progress& progress);
  /// Asks FitOptions::stop. Once it has said yes, it is yes.
  bool interrupted();
  bool callback_wants_stop() const;
  /// Whether any process says so. All ask at the same places.
  bool any_process(bool says) const;
  void check_same_data() const;
  void safe_point(callbacks::SafePoint::Kind kind);
  template <class F>
  void each(F&& f) const {
    for (const Callback& c : callbacks_) f(*c);
  }

  // resume.cpp
  std::optional<callbacks::SavedState> earlier_run() const;
  callbacks::SavedState save_run() const;
  /// Checks that the run belongs to this model, optimizer and data, then brings everything but the callbacks to where
  /// it was. Error, with nothing changed but that weights may have been made, if it does not belong.
  void resume(const callbacks::SavedState& run);
  void restore_callbacks(const callbacks::SavedState& run);
  void restore_position(const callbacks::SavedState& run);
  void restore_history(const Config& values);
  void check_identity(const callbacks::SavedState& run) const;
  /// Brings the data to the position. Returns the first batch of the pass.
  Batch replay(const callbacks::SavedState& run);
  std::vector<std::pair<std::string, Variable>> run_variables() const;

  Model& model_;
  Trainer& trainer_;
  BatchSource& training_;
  BatchSource* validation_;
  const FitOptions& options_;
  Callbacks callbacks_;                   ///< that this process runs
  std::shared_ptr<Communicator> others_;  ///< null where there is one process
  int verbose_;
  std::int64_t steps_;  ///< of an epoch, -1 when unknown
  bool continues_;      ///< epochs are parts of one pass (steps_per_epoch)
  bool interrupted_ = false;
  Position at_;
  History history_;
  Logs last_logs_;  ///< of the last epoch
};

}  // namespace strata
