#pragma once

#include <optional>
#include <string>
#include <vector>

#include "layers/arguments.h"
#include "layers/layer.h"
#include "layers/numbers.h"

/// Layers that prepare features within a model.
namespace strata::layers {

struct NormalizationOptions {
  AxisArgument axis = -1;  ///< each place on these axes has its own mean and variance; none: one for all
  Numbers mean = {};       ///< given with the variance and in its shape; broadcast along the axes
  Numbers variance = {};
  bool invert = false;  ///< whether the layer undoes what it does otherwise
  std::string name = {};
  bool trainable = true;
};
/// (x - mean) / max(sqrt(variance), 1e-7), in f32, with numbers that are given or come from data by `adapt`; before
/// that they are 0 and 1. Weights, unless the numbers are given: mean, variance, in the shape of the axes, and count,
/// which means nothing and which Keras keeps for older files.
STRATA_API Layer Normalization(const NormalizationOptions& = {});

/// How categories come out: "int" as indices (i32); "one_hot" on a new last axis, which replaces one of size 1;
/// "multi_hot" and "count" for all indices on axis 1 together: whether, or how often, each occurs.
struct DiscretizationOptions {
  std::vector<double> bin_boundaries = {};  ///< ascending; these or num_bins are given
  std::optional<std::int64_t> num_bins = {};
  double epsilon = 0.01;  ///< accuracy of the quantiles that `adapt` finds: about 1 / epsilon places are kept
  std::string output_mode = "int";
  std::string name = {};
  bool trainable = true;
};
/// The number of boundaries that are not above x: 0 below the first of n, n from the last on. The boundaries are given,
/// or `adapt` cuts data into num_bins bins of equal counts; before that, calling the layer is an error.
STRATA_API Layer Discretization(const DiscretizationOptions&);

struct CategoryEncodingOptions {
  std::string output_mode = "multi_hot";  ///< or "one_hot", "count"
  std::string name = {};
  bool trainable = true;
};
/// Integers in [0, num_tokens) as vectors of f32; others count for nothing.
STRATA_API Layer CategoryEncoding(std::int64_t num_tokens, const CategoryEncodingOptions& = {});

/// Prepares a Normalization (mean and variance) or a Discretization (bin boundaries) by these batches [batch, ...], all
/// together, and builds it if nothing has yet. What it had learned before is forgotten; models that were compiled with
/// a Discretization keep its former boundaries. Error for other layers, for ones that were given their numbers, and
/// when there are no data.
STRATA_API void adapt(const Layer& layer, const Tensors& batches);
STRATA_API void adapt(const Layer& layer, const Tensor& data);

}  // namespace strata::layers
