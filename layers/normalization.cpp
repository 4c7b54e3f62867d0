#include "layers/normalization.h"

#include <algorithm>
#include <numeric>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/config_values.h"

namespace strata::layers {
namespace {

/// Axis `axis` last, the others in order.
Axes axis_last(int rank, int axis) {
  Axes axes;
  for (int i = 0; i < rank; ++i)
    if (i != axis) axes.push_back(i);
  axes.push_back(axis);
  return axes;
}

Axes inverse(const Axes& axes) {
  Axes back(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) back[static_cast<std::size_t>(axes[i])] = static_cast<std::int64_t>(i);
  return back;
}

class BatchNormalizationLayer final : public Definition {
 public:
  explicit BatchNormalizationLayer(BatchNormalizationOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    require_min_rank(describe(), inputs[0], 2);
    const int axis = normalize_axis(o_.axis, inputs[0].rank(), describe());
    if (built())
      require_axis(describe(), inputs[0], o_.axis, moving_mean_.shape()[0]);
    else
      known_size(describe(), inputs[0], axis);
  }

  void build(const Shape& input) override {
    const Shape size{input[o_.axis]};
    if (o_.scale)
      gamma_ = add_weight("gamma", size, o_.gamma_initializer,
                          {.regularizer = o_.gamma_regularizer, .constraint = o_.gamma_constraint});
    if (o_.center)
      beta_ = add_weight("beta", size, o_.beta_initializer,
                         {.regularizer = o_.beta_regularizer, .constraint = o_.beta_constraint});
    moving_mean_ = add_weight("moving_mean", size, o_.moving_mean_initializer, {.trainable = false});
    moving_variance_ = add_weight("moving_variance", size, o_.moving_variance_initializer, {.trainable = false});
  }

  Value call(Value x, Mode mode) override {
    x = to_compute(x);
    const int rank = x.shape().rank(), axis = normalize_axis(o_.axis, rank, describe());
    if (axis == rank - 1) return normalized(x, mode);
    const Axes order = axis_last(rank, axis);
    return transpose(normalized(transpose(x, order), mode), inverse(order));
  }

  Config config() const override {
    return {{"axis", o_.axis},
            {"momentum", o_.momentum},
            {"epsilon", o_.epsilon},
            {"center", o_.center},
            {"scale", o_.scale},
            {"beta_initializer", to_config(o_.beta_initializer)},
            {"gamma_initializer", to_config(o_.gamma_initializer)},
            {"moving_mean_initializer", to_config(o_.moving_mean_initializer)},
            {"moving_variance_initializer", to_config(o_.moving_variance_initializer)},
            {"beta_regularizer", to_config(o_.beta_regularizer)},
            {"gamma_regularizer", to_config(o_.gamma_regularizer)},
            {"beta_constraint", to_config(o_.beta_constraint)},
            {"gamma_constraint", to_config(o_.gamma_constraint)},
            {"synchronized", false}};
  }

 private:
  Value normalized(const Value& x, Mode mode) {
    const Value gamma = o_.scale ? Value(gamma_) : constant(ones(moving_mean_.shape()));
    const Value beta = o_.center ? Value(beta_) : constant(zeros(moving_mean_.shape()));
    if (mode != Mode::train || !current_trainable())
      return batch_norm_inference(x, gamma, beta, moving_mean_, moving_variance_, o_.epsilon);
    const BatchNormResult y = batch_norm(x, gamma, beta, o_.epsilon);
    follow(moving_mean_, y.mean);
    follow(moving_variance_, y.variance);
    return y.output;
  }

  void follow(const Variable& moving, const Value& batch) const {
    add_update(moving, pending(moving) * o_.momentum + batch * (1.0 - o_.momentum));
  }

  BatchNormalizationOptions o_;
  Variable gamma_, beta_, moving_mean_, moving_variance_;
};

class LayerNormalizationLayer final : public Definition {
 public:
  explicit LayerNormalizationLayer(LayerNormalizationOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    const Axes axes = normalize_axes(o_.axis.axes, inputs[0].rank(), describe());
    for (const std::int64_t axis : axes) {
      known_size(describe(), inputs[0], axis);
      if (built()) require_axis(describe(), inputs[0], axis, sizes_[std::ranges::find(axes, axis) - axes.begin()]);
    }
  }

  void build(const Shape& input) override {
    sizes_ = {};
    for (const std::int64_t axis : normalize_axes(o_.axis.axes, input.rank(), describe()))
      sizes_.push_back(input[axis]);
    if (o_.scale)
      gamma_ = add_weight("gamma", sizes_, o_.gamma_initializer,
                          {.regularizer = o_.gamma_regularizer, .constraint = o_.gamma_constraint});
    if (o_.center)
      beta_ = add_weight("beta", sizes_, o_.beta_initializer,
                         {.regularizer = o_.beta_regularizer, .constraint = o_.beta_constraint});
  }

  /// The axes go to the end and become one, as the op wants them.
  Value call(Value x, Mode) override {
    x = to_compute(x);
    const int rank = x.shape().rank();
    const Axes axes = normalize_axes(o_.axis.axes, rank, describe());
    Axes order;
    for (int i = 0; i < rank; ++i)
      if (std::ranges::find(axes, i) == axes.end()) order.push_back(i);
    order.insert(order.end(), axes.begin(), axes.end());
    const bool in_order = std::ranges::is_sorted(order);
    if (!in_order) x = transpose(x, order);
    const Shape shape = x.shape();
    const std::int64_t size = sizes_.elements();
    if (axes.size() > 1) x = reshape(x, {size == 0 ? 0 : shape.elements() / size, size});
    Value y = layer_norm(x, flat(o_.scale ? Value(gamma_) : constant(ones(sizes_)), size),
                         flat(o_.center ? Value(beta_) : constant(zeros(sizes_)), size), o_.epsilon);
    if (axes.size() > 1) y = reshape(y, shape);
    return in_order ? y : transpose(y, inverse(order));
  }

  Config config() const override {
    return {{"axis", to_config(o_.axis)},
            {"epsilon", o_.epsilon},
            {"center", o_.center},
            {"scale", o_.scale},
            {"beta_initializer", to_config(o_.beta_initializer)},
            {"gamma_initializer", to_config(o_.gamma_initializer)},
            {"beta_regularizer", to_config(o_.beta_regularizer)},
            {"gamma_regularizer", to_config(o_.gamma_regularizer)},
            {"beta_constraint", to_config(o_.beta_constraint)},
            {"gamma_constraint", to_config(o_.gamma_constraint)}};
  }

 private:
  static Value flat(const Value& v, std::int64_t size) { return v.shape().rank() == 1 ? v : reshape(v, {size}); }

  LayerNormalizationOptions o_;
  Shape sizes_;
  Variable gamma_, beta_;
};
}  // namespace

Layer BatchNormalization(const BatchNormalizationOptions& o) {
  const std::string where = place("BatchNormalization", o.name);
  if (!(o.momentum >= 0 && o.momentum <= 1)) fail_expected(where, "a momentum between 0 and 1", to_python(o.momentum));
  if (!(o.epsilon >= 0)) fail_expected(where, "an epsilon of at least 0", to_python(o.epsilon));
  return make_named<BatchNormalizationLayer>("BatchNormalization", o.name, o.trainable, o);
}

Layer LayerNormalization(const LayerNormalizationOptions& o) {
  const std::string where = place("LayerNormalization", o.name);
  if (!(o.epsilon >= 0)) fail_expected(where, "an epsilon of at least 0", to_python(o.epsilon));
  if (o.axis.axes.empty()) fail_expected(where, "at least one axis", "none");
  return make_named<LayerNormalizationLayer>("LayerNormalization", o.name, o.trainable, o);
}

}  // namespace strata::layers
