#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "layers/losses.h"

/// The formulas behind losses and metrics, one value per example. y and p have one element type and shape, except for
/// the sparse ones. Internal.
namespace strata::losses {

/// Drops or adds a last axis of size 1 where the ranks differ by one, by Keras's rules.
std::pair<Value, Value> same_rank(const Value& a, const Value& b, bool expand_rank_1 = true);
/// As Keras's divide_no_nan: 0 where b is 0.
Value divide_no_nan(const Value& a, const Value& b);
/// x over its length along the axis; 0 where that is 0.
Value unit_length(const Value& x, std::int64_t axis);
/// Error that names the loss or metric and both shapes.
void require_same_shape(const std::string& who, const Value& y, const Value& p);
/// Which cross-entropy (or accuracy) the shapes call for, by Keras's rule.
enum class Target { binary, categorical, sparse };
Target target_kind(const Shape& y_true, const Shape& y_pred);

Value mean_squared_error(const Value& y, const Value& p);
Value mean_absolute_error(const Value& y, const Value& p);
Value mean_absolute_percentage_error(const Value& y, const Value& p);
Value mean_squared_logarithmic_error(const Value& y, const Value& p);
Value log_cosh(const Value& y, const Value& p);
Value hinge(const Value& y, const Value& p);
Value squared_hinge(const Value& y, const Value& p);
Value categorical_hinge(const Value& y, const Value& p);
Value kl_divergence(const Value& y, const Value& p);
Value poisson(const Value& y, const Value& p);
Value huber(const Value& y, const Value& p, double delta);
Value cosine_similarity(const Value& y, const Value& p, std::int64_t axis);

Value binary_crossentropy(const Value& y, const Value& p, const BinaryCrossentropyOptions& = {});
Value categorical_crossentropy(const Value& y, const Value& p, const CategoricalCrossentropyOptions& = {});
PerSample sparse_categorical_crossentropy(const std::string& who, const Value& labels, const Value& p,
                                          const SparseCategoricalCrossentropyOptions& = {});
Value binary_focal_crossentropy(const Value& y, const Value& p, const BinaryFocalCrossentropyOptions& = {});
Value categorical_focal_crossentropy(const Value& y, const Value& p, const CategoricalFocalCrossentropyOptions& = {});
Value categorical_generalized_cross_entropy(const std::string& who, const Value& labels, const Value& p, double q);

Value dice(const Value& y, const Value& p, const Axes& axes);
Value tversky(const Value& y, const Value& p, double alpha, double beta, const Axes& axes);
Value ctc(const std::string& who, const Value& labels, const Value& logits);
PerSample circle(const std::string& who, const Value& labels, const Value& p, const CircleOptions&);

Value pearson_correlation(const Value& y, const Value& p, std::int64_t axis);
Value concordance_correlation(const Value& y, const Value& p, std::int64_t axis);

}  // namespace strata::losses
