#pragma once

#include "models/arguments.h"
#include "models/batches.h"
#include "models/model.h"
#include "models/progress.h"
#include "models/trainer.h"

namespace strata {

/// Keras's batch size when none is given.
inline constexpr std::int64_t default_batch_size = 32;

/// All test steps of a source; `steps` < 0 means a whole pass. Returns the logs.
Logs run_evaluation(Trainer& trainer, BatchSource& source, std::int64_t steps, const Callbacks& callbacks, int verbose);

/// The training loop of fit over any source of batches.
class FitLoop {
 public:
  FitLoop(Model& model, Trainer& trainer, BatchSource& training, BatchSource* validation, const FitOptions& options);
  History run();

 private:
  /// False when the epoch was cut short by FitOptions::stop.
  bool run_epoch(int epoch);
  bool next_batch(int epoch, Batch& batch);
  void end_epoch(int epoch, Progress& progress, std::int64_t steps);
  bool callback_wants_stop() const;
  template <class F>
  void each(F&& f) const;

  Model& model_;
  Trainer& trainer_;
  BatchSource& training_;
  BatchSource* validation_;
  const FitOptions& options_;
  int verbose_;
  std::int64_t steps_;     ///< of an epoch, -1 when unknown
  bool continues_;         ///< epochs are parts of one pass (steps_per_epoch)
  bool started_ = false, ran_out_ = false;
  History history_;
};

}  // namespace strata
