#pragma once

#include <functional>
#include <string>
#include <utility>

#include "layers/loss_functions.h"
#include "layers/metrics.h"

/// Metrics that are running means or sums of values, one per example. Internal.
namespace strata::metrics {

/// The values of a batch; where weights are given, the mask multiplies them.
using Measure = std::function<losses::PerSample(const Value& y_true, const Value& y_pred)>;

/// One value for each example, and its weight if there are weights, as Keras reduces them.
std::pair<Value, Value> by_sample(losses::PerSample values, Value weights, bool sum_up = false);

/// total / count of what `measure` gives; without it, of y_true itself.
Metric mean_metric(const char* class_name, const std::string& name, Direction direction, Measure measure,
                   Config config = {});
/// The root of that.
Metric root_mean_metric(const char* class_name, const std::string& name, Direction direction, Measure measure);

/// A measure of y and p of one rank, shape and element type.
Measure aligned(const std::string& name, PerSampleFunction f);
Measure accuracy_by_shape(const std::string& name);

}  // namespace strata::metrics
