#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/model.h"

namespace strata {

struct CompareDevicesOptions {
  std::int64_t batch_size = 32;
  std::int64_t steps = 50;       ///< timed on each device; when the data ends, a pass in another order begins
  int warmup = 3;                ///< steps before them, of other batches
  std::uint64_t seed = 1;        ///< of weights, dropout, and the order of the data
  int epochs = 0;                ///< for how many epochs to predict the hours; 0: for none
  std::int64_t samples = -1;     ///< of an epoch, for that prediction; -1: as many as there are in the data
  std::string title = {};        ///< of the table and the chart; empty: the model's name
  std::string unit = "samples";  ///< what an element of a batch is called: "images"
};

/// What was measured on one device.
struct DeviceMeasures {
  Device device;
  std::vector<double> seconds;  ///< of each timed step, as the program saw it
  double median = 0, low = 0,
         high = 0;                  ///< seconds of a step; a quarter of the steps lies below `low`, one above `high`
  double per_second = 0;            ///< samples
  double speed_up = 1;              ///< per_second, as a multiple of the first device's
  std::int64_t plan_bytes = 0;      ///< StepPlan::peak_bytes
  std::int64_t variable_bytes = 0;  ///< of weights, the optimizer's state and metrics
  double loss = 0;                  ///< mean over the last tenth of the timed steps
  /// Before training, on the first batch: the largest difference to the first device's value, as a fraction of the
  /// largest magnitude that the first device has in that tensor. The first device's are 0.
  double output_difference = 0, gradient_difference = 0;
  double hours = 0;  ///< predicted for options.epochs
};

/// What compare_devices found.
class STRATA_API DeviceComparison {
 public:
  DeviceComparison(std::vector<DeviceMeasures> devices, CompareDevicesOptions options)
      : devices_(std::move(devices)), options_(std::move(options)) {}
  const std::vector<DeviceMeasures>& devices() const { return devices_; }
  const CompareDevicesOptions& options() const { return options_; }

  /// For people: a line for each device.
  std::string table() const;
  /// For programs: a header, then a line for each device; seconds, bytes and fractions in full.
  std::string csv() const;
  /// A chart of speed, time of a step and memory.
  std::string svg() const;
  /// Errors name the file. What was there before stays whole unless the new one is complete.
  void write_csv(const std::string& path) const;
  void write_svg(const std::string& path) const;

 private:
  std::vector<DeviceMeasures> devices_;
  CompareDevicesOptions options_;
};

/// Trains the same model from the same weights on the same batches on each device, and measures. `make` makes the
/// model, compiled; it is called in each device's scope. The devices take turns, so that what else the machine does
/// hits all of them. Without data (x and y empty) it is random. Seeds and automatic names are afterwards as if nothing
/// had been.
STRATA_API DeviceComparison compare_devices(const std::function<Model()>& make, const std::vector<Device>& devices,
                                            const Data& x, const Data& y, const CompareDevicesOptions& = {});

}  // namespace strata
