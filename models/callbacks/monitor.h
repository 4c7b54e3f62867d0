#pragma once

#include <optional>
#include <string>

#include "models/callbacks.h"

namespace strata::callbacks {

/// What EarlyStopping, ReduceLROnPlateau and ModelCheckpoint share: a monitored log, and whether it improved.
class Monitor {
 public:
  /// `callback` is for messages.
  Monitor(std::string callback, std::string log, Direction direction, double min_delta);

  /// Forgets which way is better, for a run with another model.
  void start();
  /// Asks the model's metrics which way is better. Error (Keras's message) when they cannot tell.
  void resolve(const Model& model);
  double worst() const;
  bool improved(double value, double best) const;
  const std::string& log() const { return log_; }

 private:
  std::string callback_, log_;
  Direction asked_;
  double min_delta_;
  std::optional<bool> larger_;
};

/// Counts batches: whether a callback of this frequency is due.
class Every {
 public:
  explicit Every(Frequency frequency) : frequency_(frequency) {}
  bool epoch_due() const { return frequency_.every_epoch(); }
  /// Counts one batch; true for the last of each group of frequency.batches().
  bool batch_due() {
    if (frequency_.every_epoch() || ++seen_ < frequency_.batches()) return false;
    seen_ = 0;
    return true;
  }
  std::int64_t seen() const { return seen_; }
  void set_seen(std::int64_t seen) { seen_ = seen; }

 private:
  Frequency frequency_;
  std::int64_t seen_ = 0;  ///< since the last that was due
};

/// A number that may be missing, in a saved state.
ConfigValue optional_value(const std::optional<double>& v);
std::optional<double> optional_double(const ConfigValue& v);

/// Python prints a float32 with all the digits of its double value.
std::string float32_text(double v);

}  // namespace strata::callbacks
