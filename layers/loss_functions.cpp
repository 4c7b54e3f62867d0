#include "layers/loss_functions.h"

#include <limits>
#include <numbers>

#include "core/graph/context.h"
#include "core/ops/ops.h"

namespace strata::losses {

namespace {
constexpr double epsilon = 1e-7;

/// The node that computes the numbers of `v`.
Value behind_identities(Value v) {
  const auto is_identity = [](const Op& op) { return op.as<WithEffects>() || op.as<WithMask>() || op.as<Identity>(); };
  while (is_identity(v.node()->op())) v = v.node()->input(0);
  return v;
}

/// The input of the softmax along `axis` that made p, if one did.
Value softmax_logits(const Value& p, int axis) {
  const Value source = behind_identities(p);
  const auto* op = source.node()->op().as<Softmax>();
  if (op == nullptr || normalize_axis(op->axis, p.shape().rank(), "softmax") != axis) return {};
  return source.node()->input(0);
}

Value sigmoid_logits(const Value& p) {
  const Value source = behind_identities(p);
  return source.node()->op().as<Sigmoid>() ? source.node()->input(0) : Value();
}

/// Labels that are all 0 or 1 become -1 or 1.
Value signed_labels(const Value& y) {
  const Value binary = all(logical_or(equal(y, 0.0), equal(y, 1.0)));
  return where(binary, 2.0 * y - 1.0, y);
}

/// The axis moved to the end.
Value axis_last(const Value& x, int axis) {
  Axes order;
  for (int i = 0; i < x.shape().rank(); ++i)
    if (i != axis) order.push_back(i);
  order.push_back(axis);
  return axis == x.shape().rank() - 1 ? x : transpose(x, order);
}
}  // namespace

std::pair<Value, Value> same_rank(const Value& a, const Value& b, bool expand_rank_1) {
  const int ra = a.shape().rank(), rb = b.shape().rank();
  if (ra == rb + 1 && a.shape().back() == 1) {
    if (rb == 1 && expand_rank_1) return {a, expand_dims(b, -1)};
    return {squeeze(a, {-1}), b};
  }
  if (rb == ra + 1 && b.shape().back() == 1) {
    if (ra == 1 && expand_rank_1) return {expand_dims(a, -1), b};
    return {a, squeeze(b, {-1})};
  }
  return {a, b};
}

Value divide_no_nan(const Value& a, const Value& b) {
  return where(equal(b, 0.0), 0.0, a / where(equal(b, 0.0), 1.0, b));
}

Value unit_length(const Value& x, std::int64_t axis) {
  return x * rsqrt(maximum(sum(square(x), {axis}, {.keepdims = true}), epsilon * epsilon));
}

void require_same_shape(const std::string& who, const Value& y, const Value& p) {
  if (y.shape() != p.shape())
    throw Error(who, "Arguments `target` and `output` must have the same shape. Received: target.shape=" +
                         to_keras_string(y.shape()) + ", output.shape=" + to_keras_string(p.shape()));
}

Target target_kind(const Shape& y_true, const Shape& y_pred) {
  if (y_pred.rank() <= 1 || y_pred.back() == 1) return Target::binary;
  if (y_true.rank() < y_pred.rank() || y_true.back() == 1) return Target::sparse;
  return Target::categorical;
}

Value mean_squared_error(const Value& y, const Value& p) { return mean(square(y - p), {-1}); }
Value mean_absolute_error(const Value& y, const Value& p) { return mean(abs(y - p), {-1}); }

Value mean_absolute_percentage_error(const Value& y, const Value& p) {
  return 100.0 * mean(abs((y - p) / maximum(abs(y), epsilon)), {-1});
}

Value mean_squared_logarithmic_error(const Value& y, const Value& p) {
  return mean(square(log(maximum(y, epsilon) + 1.0) - log(maximum(p, epsilon) + 1.0)), {-1});
}

Value log_cosh(const Value& y, const Value& p) {
  const Value d = p - y;
  return mean(d + softplus(-2.0 * d) - std::numbers::ln2, {-1});
}

Value hinge(const Value& y, const Value& p) { return mean(relu(1.0 - signed_labels(y) * p), {-1}); }
Value squared_hinge(const Value& y, const Value& p) { return mean(square(relu(1.0 - signed_labels(y) * p)), {-1}); }

Value categorical_hinge(const Value& y, const Value& p) {
  const Value right = sum(y * p, {-1}), wrong = max((1.0 - y) * p, {-1});
  return relu(wrong - right + 1.0);
}

Value kl_divergence(const Value& y, const Value& p) {
  const Value truth = clip(y, epsilon, 1.0);
  return sum(truth * log(truth / clip(p, epsilon, 1.0)), {-1});
}

Value poisson(const Value& y, const Value& p) { return mean(p - y * log(p + epsilon), {-1}); }

Value huber(const Value& y, const Value& p, double delta) {
  const Value d = abs(p - y);
  return mean(where(d <= delta, 0.5 * square(d), delta * d - 0.5 * delta * delta), {-1});
}

Value cosine_similarity(const Value& y, const Value& p, std::int64_t axis) {
  return sum(unit_length(y, axis) * unit_length(p, axis), {axis});
}

namespace {
Value binary_smoothed(const Value& y, double smoothing) {
  return smoothing == 0 ? y : y * (1.0 - smoothing) + 0.5 * smoothing;
}

/// Of each element. Logits are looked for, or p is.
Value binary_crossentropies(const Value& truth, const Value& p, bool from_logits) {
  Value logits = sigmoid_logits(p);
  if (!logits && from_logits) logits = p;
  if (logits) return sigmoid_cross_entropy(truth, logits);
  const Value q = clip(p, epsilon, 1.0 - epsilon);
  return -(truth * log(q) + (1.0 - truth) * log(1.0 - q));
}
}  // namespace

Value binary_crossentropy(const Value& y, const Value& p, const BinaryCrossentropyOptions& o) {
  return mean(binary_crossentropies(binary_smoothed(y, o.label_smoothing), p, o.from_logits), {o.axis});
}

Value binary_focal_crossentropy(const Value& y, const Value& p, const BinaryFocalCrossentropyOptions& o) {
  const Value truth = binary_smoothed(y, o.label_smoothing), q = o.from_logits ? sigmoid(p) : p;
  const Value of_truth = truth * q + (1.0 - truth) * (1.0 - q);
  Value losses = power(1.0 - of_truth, o.gamma) * binary_crossentropies(truth, q, false);
  if (o.apply_class_balancing) losses = (truth * o.alpha + (1.0 - truth) * (1.0 - o.alpha)) * losses;
  return mean(losses, {o.axis});
}

namespace {
Value smoothed(const Value& y, double smoothing, std::int64_t classes) {
  return smoothing == 0 ? y : y * (1.0 - smoothing) + smoothing / static_cast<double>(classes);
}
}  // namespace

Value categorical_crossentropy(const Value& y, const Value& p, const CategoricalCrossentropyOptions& o) {
  const int axis = normalize_axis(o.axis, p.shape().rank(), "categorical_crossentropy");
  const Value truth = smoothed(y, o.label_smoothing, p.shape()[axis]);
  Value logits = softmax_logits(p, axis);
  if (!logits && o.from_logits) logits = p;
  if (logits) return softmax_cross_entropy(axis_last(truth, axis), axis_last(logits, axis));
  const Value q = clip(p / sum(p, {axis}, {.keepdims = true}), epsilon, 1.0 - epsilon);
  return -sum(truth * log(q), {axis});
}

Value categorical_focal_crossentropy(const Value& y, const Value& p, const CategoricalFocalCrossentropyOptions& o) {
  const Value truth = smoothed(y, o.label_smoothing, y.shape().back());
  const Value given = o.from_logits ? softmax(p, o.axis) : p;
  const Value q = clip(given / sum(given, {o.axis}, {.keepdims = true}), epsilon, 1.0 - epsilon);
  return sum(o.alpha * power(1.0 - q, o.gamma) * (-truth * log(q)), {o.axis});
}

PerSample sparse_categorical_crossentropy(const std::string& who, const Value& y, const Value& p,
                                          const SparseCategoricalCrossentropyOptions& o) {
  if (p.shape().rank() == 0) fail_expected(who, "y_pred with an axis for the classes", to_keras_string(p.shape()));
  const int axis = normalize_axis(o.axis, p.shape().rank(), who);
  Value labels = y;
  if (labels.shape().rank() == p.shape().rank() && labels.shape().back() == 1) labels = squeeze(labels, {-1});
  Value logits = softmax_logits(p, axis);
  if (!logits) logits = o.from_logits ? p : log(clip(p, epsilon, 1.0 - epsilon));
  logits = axis_last(logits, axis);
  const Shape expected = logits.shape().slice(0, logits.shape().rank() - 1);
  if (labels.shape() != expected)
    fail_expected(who,
                  "labels of shape " + to_keras_string(expected) + ", y_pred's " + to_keras_string(p.shape()) +
                      " without the axis of the classes (for one-hot labels there is categorical_crossentropy)",
                  to_keras_string(y.shape()));
  if (is_floating(labels.dtype()) || labels.dtype() == DType::boolean) labels = cast(labels, DType::i32);
  if (!o.ignore_class) return {sparse_softmax_cross_entropy(labels, logits)};
  const Value counts = not_equal(cast(labels, DType::i64), *o.ignore_class);
  const Value kept = where(counts, labels, 0);
  return {where(counts, sparse_softmax_cross_entropy(kept, logits), 0.0), cast(counts, p.dtype())};
}

namespace {
/// Labels of shape [...] or [..., 1], as i32; error unless they fit to p [..., classes].
Value class_labels(const std::string& who, Value y, const Shape& p) {
  if (p.rank() == 0) fail_expected(who, "y_pred with a last axis for the classes", to_keras_string(p));
  if (y.shape().rank() == p.rank() && y.shape().back() == 1) y = squeeze(y, {-1});
  const Shape expected = p.slice(0, p.rank() - 1);
  if (y.shape() != expected)
    fail_expected(who, "labels of shape " + to_keras_string(expected), to_keras_string(y.shape()));
  return cast(y, DType::i32);
}
}  // namespace

Value categorical_generalized_cross_entropy(const std::string& who, const Value& y, const Value& p, double q) {
  const Value labels = class_labels(who, y, p.shape());
  const Value of_truth = sum(p * one_hot(labels, p.shape().back(), p.dtype()), {-1});
  return (1.0 - power(of_truth, q)) / q;
}

Value dice(const Value& y, const Value& p, const Axes& axes) {
  return 1.0 - 2.0 * sum(y * p, axes) / (sum(y, axes) + sum(p, axes) + epsilon);
}

Value tversky(const Value& y, const Value& p, double alpha, double beta, const Axes& axes) {
  const Value common = sum(y * p, axes), only_true = sum((1.0 - p) * y, axes),
              only_predicted = sum(p * (1.0 - y), axes);
  return 1.0 - common / (common + only_true * alpha + only_predicted * beta + epsilon);
}

PerSample circle(const std::string& who, const Value& y, const Value& p, const CircleOptions& o) {
  if (p.shape().rank() != 2) fail_expected(who, "y_pred of shape (batch, features)", to_keras_string(p.shape()));
  const std::int64_t n = p.shape()[0];
  const Value labels = class_labels(who, y, p.shape()), same = equal(reshape(labels, {n, 1}), reshape(labels, {1, n}));
  const Value distances = relu(1.0 - matmul(p, p, {.transpose_b = true}));
  Value positive = same;
  if (o.remove_diagonal) positive = logical_and(same, logical_not(constant(eye(n))));
  const Value negative = logical_not(same);
  // Weights grow with the distance of a pair from where it should be.
  const Value away = -o.gamma * relu(o.margin + distances) * (o.margin - distances);
  const Value near = o.gamma * relu(1.0 + o.margin - distances) * (1.0 - o.margin - distances);
  constexpr double none = -std::numeric_limits<double>::infinity();
  const Value loss =
      softplus(logsumexp(where(positive, away, none), {1}) + logsumexp(where(negative, near, none), {1}));
  return {loss, cast(loss > 0.0, loss.dtype())};
}

Value pearson_correlation(const Value& y, const Value& p, std::int64_t axis) {
  const auto standardized = [axis](const Value& x) {
    const Value centered = x - mean(x, {axis}, {.keepdims = true});
    return centered / stddev(centered, {axis}, {.keepdims = true});
  };
  return mean(standardized(y) * standardized(p), {axis});
}

// As Keras has it: both deviations in the covariance are from the mean of p.
Value concordance_correlation(const Value& y, const Value& p, std::int64_t axis) {
  const Value y_mean = mean(y, {axis}, {.keepdims = true}), p_mean = mean(p, {axis}, {.keepdims = true});
  const Value variances =
      mean(square(y - y_mean), {axis}, {.keepdims = true}) + mean(square(p - p_mean), {axis}, {.keepdims = true});
  const Value norm = variances + square(y_mean - p_mean);
  return mean(2.0 * ((y - p_mean) * (p - p_mean)) / (norm + epsilon), {axis});
}

}  // namespace strata::losses
