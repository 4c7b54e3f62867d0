#include "layers/normalization.h"

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "core/base/json.h"
#include "core/graph/replication.h"
#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto gamma_beta_arguments = [](auto& field, auto& o) {
  field("epsilon", o.epsilon);
  field("center", o.center);
  field("scale", o.scale);
  field("beta_initializer", o.beta_initializer);
  field("gamma_initializer", o.gamma_initializer);
  field("beta_regularizer", o.beta_regularizer);
  field("gamma_regularizer", o.gamma_regularizer);
  field("beta_constraint", o.beta_constraint);
  field("gamma_constraint", o.gamma_constraint);
};
/// Keras 2 writes the one axis as a list.
struct ListedAxis {
  std::int64_t axis;
};
ConfigValue to_config(const ListedAxis& a) { return a.axis; }
void from_config(const ConfigValue& c, ListedAxis& a) {
  AxisArgument read = -1;
  strata::from_config(c, read);
  if (read.axes.size() != 1) fail_expected("config", "one axis", to_json(c));
  a.axis = read.axes[0];
}
constexpr auto batch_arguments = [](auto& field, auto& o) {
  ListedAxis axis{o.axis};
  field("axis", axis);
  if constexpr (!std::is_const_v<std::remove_reference_t<decltype(o)>>) o.axis = axis.axis;
  field("momentum", o.momentum);
  gamma_beta_arguments(field, o);
  field("moving_mean_initializer", o.moving_mean_initializer);
  field("moving_variance_initializer", o.moving_variance_initializer);
  field("synchronized", o.synchronized);
  field.accepted("renorm", false);
  field.ignored("renorm_clipping");  // without renorm they mean nothing
  field.ignored("renorm_momentum");
};
constexpr auto layer_arguments = [](auto& field, auto& o) {
  field("axis", o.axis);
  gamma_beta_arguments(field, o);
  field.accepted("rms_scaling", false);
};

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
    const Value counts = mode == Mode::train ? what_counts(x) : Value();
    if (axis == rank - 1) return normalized(x, counts, mode);
    const Axes order = axis_last(rank, axis);
    return transpose(normalized(transpose(x, order), counts ? transpose(counts, order) : counts, mode), inverse(order));
  }

  bool supports_masking() const override { return true; }
  bool computes_wide() const override { return true; }
  Config config() const override { return write_arguments(batch_arguments, o_); }

 private:
  /// The mask for every element; empty without a mask.
  Value what_counts(const Value& x) const {
    const Value mask = current_mask();
    if (!mask) return {};
    if (mask.shape().rank() != x.shape().rank() - 1)
      throw Error(describe(), "The mask provided should be one dimension less than the inputs. Received: mask.shape=" +
                                  to_keras_string(mask.shape()) + ", inputs.shape=" + to_keras_string(x.shape()));
    return broadcast_to(expand_dims(mask, -1), x.shape());
  }

  Value normalized(const Value& x, const Value& counts, Mode mode) {
    const Value gamma = o_.scale ? Value(gamma_) : constant(ones(moving_mean_.shape(), x.dtype()));
    const Value beta = o_.center ? Value(beta_) : constant(zeros(moving_mean_.shape(), x.dtype()));
    if (counts && current_trainable()) return normalized_by_sums(counts, x, gamma, beta);
    if (mode != Mode::train || !current_trainable())
      return batch_norm_inference(x, gamma, beta, moving_mean_, moving_variance_, o_.epsilon);
    if (o_.synchronized && current_replication().replicas > 1) return normalized_by_sums({}, x, gamma, beta);
    const BatchNormResult y = batch_norm(x, gamma, beta, o_.epsilon);
    follow(moving_mean_, y.mean);
    follow(moving_variance_, y.variance);
    return y.output;
  }

  /// With the statistics of what counts alone (empty: of everything), as Keras computes them; of all replicas' samples
  /// if synchronized.
  Value normalized_by_sums(const Value& counts, const Value& x, const Value& gamma, const Value& beta) {
    Axes axes(static_cast<std::size_t>(x.shape().rank()) - 1);
    std::iota(axes.begin(), axes.end(), 0);
    const auto total = [&](const Value& v) {
      const Value here = sum(v, axes);
      return o_.synchronized ? all_reduce(here) : here;
    };
    const auto counted = [&](const Value& v) { return counts ? where(counts, v, 0.0) : v; };
    const std::int64_t positions = x.shape().elements() / x.shape().back();
    const Value count = counts ? total(cast(counts, x.dtype())) + 1e-7
                               : constant(static_cast<double>(current_replication().everywhere(positions)), x.dtype());
    const Value average = total(counted(x)) / count;
    const Value spread = total(counted(square(x - average))) / count;
    follow(moving_mean_, average);
    follow(moving_variance_, spread);
    return (x - average) * (rsqrt(spread + o_.epsilon) * gamma) + beta;
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
    Value y = layer_norm(x, flat(o_.scale ? Value(gamma_) : constant(ones(sizes_, x.dtype())), size),
                         flat(o_.center ? Value(beta_) : constant(zeros(sizes_, x.dtype())), size), o_.epsilon);
    if (axes.size() > 1) y = reshape(y, shape);
    return in_order ? y : transpose(y, inverse(order));
  }

  bool supports_masking() const override { return true; }
  bool computes_wide() const override { return true; }
  Config config() const override { return write_arguments(layer_arguments, o_); }

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

namespace {
const bool registered[] = {
    register_built_in("BatchNormalization", BatchNormalization, batch_arguments),
    register_built_in("LayerNormalization", LayerNormalization, layer_arguments),
};
}

}  // namespace strata::layers
