#include "layers/sample_normalization.h"

#include <algorithm>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto group_arguments = [](auto& field, auto& o) {
  field("groups", o.groups);
  field("axis", o.axis);
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
constexpr auto rms_arguments = [](auto& field, auto& o) {
  field("axis", o.axis);
  field("epsilon", o.epsilon);
};
constexpr auto unit_arguments = [](auto& field, auto& o) { field("axis", o.axis); };

/// A weight that varies along these axes, in sorted order, ready to be combined with arrays of the rank.
Value along_axes(const Variable& weight, const Axes& axes, int rank) {
  Shape shape(std::vector<std::int64_t>(static_cast<std::size_t>(rank), 1));
  for (std::size_t i = 0; i < axes.size(); ++i) shape[axes[i]] = weight.shape()[static_cast<std::int64_t>(i)];
  return reshape(weight, shape);
}

class GroupNormalizationLayer final : public Definition {
 public:
  explicit GroupNormalizationLayer(GroupNormalizationOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    require_min_rank(describe(), inputs[0], 2);
    const int axis = normalize_axis(o_.axis, inputs[0].rank(), describe());
    if (axis == 0) fail_expected(describe(), "an axis behind the batch", std::to_string(o_.axis));
    if (built())
      require_axis(describe(), inputs[0], o_.axis, channels_);
    else
      require_groups(known_size(describe(), inputs[0], axis));
  }

  void build(const Shape& input) override {
    channels_ = input[o_.axis];
    if (o_.scale)
      gamma_ = add_weight("gamma", {channels_}, o_.gamma_initializer,
                          {.regularizer = o_.gamma_regularizer, .constraint = o_.gamma_constraint});
    if (o_.center)
      beta_ = add_weight("beta", {channels_}, o_.beta_initializer,
                         {.regularizer = o_.beta_regularizer, .constraint = o_.beta_constraint});
  }

  /// The channels become two axes, groups and members; the statistics are over all but batch and groups.
  Value call(Value x, Mode) override {
    x = to_compute(x);
    const Shape shape = x.shape();
    const int axis = normalize_axis(o_.axis, shape.rank(), describe());
    Shape grouped = shape.slice(0, axis);
    grouped.push_back(groups());
    grouped.push_back(channels_ / groups());
    Axes reduced;
    for (int i = axis + 1; i < shape.rank(); ++i) grouped.push_back(shape[i]);
    for (int i = 1; i < grouped.rank(); ++i)
      if (i != axis) reduced.push_back(i);
    x = reshape(x, grouped);
    const Value centered = x - mean(x, reduced, {.keepdims = true});
    const Value spread = mean(square(centered), reduced, {.keepdims = true});
    Value y = reshape(centered * rsqrt(spread + o_.epsilon), shape);
    if (o_.scale) y = y * along_axes(gamma_, {axis}, shape.rank());
    return o_.center ? y + along_axes(beta_, {axis}, shape.rank()) : y;
  }

  bool supports_masking() const override { return true; }
  bool computes_wide() const override { return true; }
  Config config() const override { return write_arguments(group_arguments, o_); }

 private:
  std::int64_t groups() const { return o_.groups == -1 ? channels_ : o_.groups; }

  void require_groups(std::int64_t channels) const {
    if (o_.groups == -1) return;
    const std::string groups = std::to_string(o_.groups), of = std::to_string(channels);
    if (channels < o_.groups)
      throw Error(describe(), "Number of groups (" + groups + ") cannot be more than the number of channels (" + of + ").");
    if (channels % o_.groups != 0)
      throw Error(describe(), "Number of groups (" + groups + ") must divide the number of channels (" + of + ").");
  }

  GroupNormalizationOptions o_;
  std::int64_t channels_ = 0;
  Variable gamma_, beta_;
};

class RMSNormalizationLayer final : public Definition {
 public:
  explicit RMSNormalizationLayer(RMSNormalizationOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    const Axes axes = axes_of(inputs[0]);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      known_size(describe(), inputs[0], axes[i]);
      if (built()) require_axis(describe(), inputs[0], axes[i], scale_.shape()[static_cast<std::int64_t>(i)]);
    }
  }

  void build(const Shape& input) override {
    Shape sizes;
    for (const std::int64_t axis : axes_of(input)) sizes.push_back(input[axis]);
    scale_ = add_weight("scale", sizes, "ones");
  }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    const Axes axes = axes_of(x.shape());
    const Value inverse = rsqrt(mean(square(x), axes, {.keepdims = true}) + o_.epsilon);
    return x * inverse * along_axes(scale_, axes, x.shape().rank());
  }

  bool computes_wide() const override { return true; }
  Config config() const override { return write_arguments(rms_arguments, o_); }

 private:
  Axes axes_of(const Shape& input) const { return normalize_axes(o_.axis.axes, input.rank(), describe()); }

  RMSNormalizationOptions o_;
  Variable scale_;
};

class UnitNormalizationLayer final : public Definition {
 public:
  explicit UnitNormalizationLayer(UnitNormalizationOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    normalize_axes(o_.axis.axes, inputs[0].rank(), describe());
  }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    const Value length_squared = sum(square(x), o_.axis.axes, {.keepdims = true});
    return x * minimum(rsqrt(length_squared), 1e12);
  }

  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(unit_arguments, o_); }

 private:
  UnitNormalizationOptions o_;
};

void require_epsilon(std::string_view where, double epsilon) {
  if (!(epsilon >= 0)) fail_expected(where, "an epsilon of at least 0", to_python(epsilon));
}

void require_axes(std::string_view where, const AxisArgument& axis) {
  if (axis.axes.empty()) fail_expected(where, "at least one axis", "none");
}
}  // namespace

Layer GroupNormalization(const GroupNormalizationOptions& o) {
  const std::string where = place("GroupNormalization", o.name);
  require_epsilon(where, o.epsilon);
  if (o.groups < 1 && o.groups != -1)
    throw Error(where, "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
                       "normalization). Received: groups=" + std::to_string(o.groups));
  return make_named<GroupNormalizationLayer>("GroupNormalization", o.name, o.trainable, o);
}

Layer RMSNormalization(const RMSNormalizationOptions& o) {
  const std::string where = place("RMSNormalization", o.name);
  require_epsilon(where, o.epsilon);
  require_axes(where, o.axis);
  return make_named<RMSNormalizationLayer>("RMSNormalization", o.name, o.trainable, o);
}

Layer UnitNormalization(const UnitNormalizationOptions& o) {
  require_axes(place("UnitNormalization", o.name), o.axis);
  return make_named<UnitNormalizationLayer>("UnitNormalization", o.name, o.trainable, o);
}

namespace {
const bool registered[] = {
    register_built_in("GroupNormalization", GroupNormalization, group_arguments),
    register_built_in("RMSNormalization", RMSNormalization, rms_arguments),
    register_built_in("UnitNormalization", UnitNormalization, unit_arguments),
};
}

}  // namespace strata::layers
