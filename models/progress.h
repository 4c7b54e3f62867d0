#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/device/device.h"
#include "models/logs.h"

namespace strata {

class DeviceLoad;

/// Keras's progress bar on standard output: redrawn in place on a terminal (at most every 0.05 s), one plain line at the
/// end when the output is a file or a pipe.
class STRATA_API Progress {
 public:
  /// `target` steps, -1 when unknown; `title` is printed on a line of its own first, unless empty.
  explicit Progress(std::int64_t target, const std::string& title = "", int verbose = 1);
  /// The line ends with the memory that is in use on this device when it is drawn, and how busy it is, where that is
  /// known.
  void show_use_of(Device device);
  /// `step` steps are done (1-based). The values are read only when something is drawn.
  void update(std::int64_t step, const Logs& values);
  /// Draws the last state, with total time, and ends the line.
  void finish(std::int64_t step, const Logs& values);

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(std::int64_t step, const Logs& values, bool done) const;
  std::int64_t target_;
  int verbose_;
  bool terminal_;
  Device device_;
  std::shared_ptr<DeviceLoad> load_;  ///< null: the device is not asked for
  Clock::time_point start_, after_first_, last_draw_;
  std::int64_t seen_ = 0;  ///< steps so far
};

}  // namespace strata
