#include <algorithm>
#include <cmath>
#include <memory>

#include "core/ops/ops.h"
#include "layers/adaptable.h"
#include "layers/checks.h"
#include "layers/preprocessing.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& o) {
  field("axis", o.axis);
  field("invert", o.invert);
  field("mean", o.mean);
  field("variance", o.variance);
};

/// Mean and variance of numbers that come in parts, after Chan, Golub and LeVeque, "Updating formulae and a pairwise
/// algorithm for computing sample variances", 1979.
struct Moments {
  double count = 0, mean = 0, sum_of_squares = 0;
  void add(double x) {
    count += 1;
    const double before = x - mean;
    mean += before / count;
    sum_of_squares += before * (x - mean);
  }
  double variance() const { return sum_of_squares / count; }
};

class NormalizationLayer final : public Adaptable {
 public:
  explicit NormalizationLayer(NormalizationOptions options) : o_(std::move(options)) {}

  void check_inputs(const Shapes& inputs) const override {
    const Axes axes = axes_of(inputs[0]);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      known_size(describe(), inputs[0], axes[i]);
      if (built()) require_axis(describe(), inputs[0], axes[i], sizes_[static_cast<std::int64_t>(i)]);
    }
  }

  void build(const Shape& input) override {
    sizes_ = {};
    for (const std::int64_t axis : axes_of(input)) sizes_.push_back(input[axis]);
    if (o_.mean.given()) {
      broadcast_given(o_.mean);
      broadcast_given(o_.variance);
      return;
    }
    mean_ = add_weight("mean", sizes_, "zeros", {.trainable = false});
    variance_ = add_weight("variance", sizes_, "ones", {.trainable = false});
    add_weight("count", {}, "zeros", {.trainable = false, .dtype = DType::i64});
  }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    Shape along(std::vector<std::int64_t>(static_cast<std::size_t>(x.shape().rank()), 1));
    const Axes axes = axes_of(x.shape());
    for (std::size_t i = 0; i < axes.size(); ++i) along[axes[i]] = sizes_[static_cast<std::int64_t>(i)];
    const auto numbers = [&](const Numbers& given, const Variable& learned) {
      const Value v = given.given() ? constant(broadcast_given(given)) : Value(learned);
      return reshape(cast(v, x.dtype()), along);
    };
    const Value mean = numbers(o_.mean, mean_);
    const Value deviation = maximum(sqrt(numbers(o_.variance, variance_)), 1e-7);
    return o_.invert ? mean + x * deviation : (x - mean) / deviation;
  }

  void adapt(const Tensors& batches) override {
    if (o_.mean.given()) throw Error(describe(), "was given its mean and variance: there is nothing to adapt");
    std::vector<Moments> moments(static_cast<std::size_t>(sizes_.elements()));
    for (const Tensor& batch : batches) {
      check_inputs({batch.shape()});
      add_to(moments, cast(batch, DType::f64));
    }
    std::vector<float> means, variances;
    for (const Moments& m : moments) {
      if (m.count == 0) throw Error(describe(), "has no data to adapt to");
      means.push_back(static_cast<float>(m.mean));
      variances.push_back(static_cast<float>(m.variance()));
    }
    mean_.assign(cast(Tensor::from(sizes_, means), mean_.dtype()));
    variance_.assign(cast(Tensor::from(sizes_, variances), variance_.dtype()));
  }

  bool supports_masking() const override { return true; }
  Config config() const override { return write_arguments(arguments, o_); }

 private:
  Axes axes_of(const Shape& input) const {
    return o_.axis.axes.empty() ? Axes{} : normalize_axes(o_.axis.axes, input.rank(), describe());
  }

  Tensor broadcast_given(const Numbers& numbers) const {
    const Shape& given = numbers.array.shape();
    if (given != sizes_ && broadcast(given, sizes_, describe()) != sizes_)
      fail_expected(describe(), "a mean and variance that broadcast to " + to_string(sizes_), to_string(given));
    return broadcast_to(numbers.array, sizes_);
  }

  /// Each number joins the moments of its place on the axes.
  void add_to(std::vector<Moments>& moments, const Tensor& batch) const {
    const Axes axes = axes_of(batch.shape());
    const auto strides = row_major_strides(batch.shape()), places = row_major_strides(sizes_);
    const auto values = batch.data<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::int64_t place = 0;
      for (std::size_t a = 0; a < axes.size(); ++a) {
        const auto axis = static_cast<std::size_t>(axes[a]);
        place += static_cast<std::int64_t>(i) / strides[axis] % batch.shape()[axes[a]] * places[a];
      }
      moments[static_cast<std::size_t>(place)].add(values[i]);
    }
  }

  NormalizationOptions o_;
  Shape sizes_;
  Variable mean_, variance_;
};
}  // namespace

Layer Normalization(const NormalizationOptions& o) {
  const std::string where = place("Normalization", o.name);
  if (o.mean.given() != o.variance.given())
    throw Error(where, "When setting values directly, both `mean` and `variance` must be set.");
  if (o.mean.given()) {
    const Shape &mean = o.mean.array.shape(), &variance = o.variance.array.shape();
    if (mean != variance)
      throw Error(where, "When setting values directly, `mean` and `variance` must have the same shape. Received: mean shape " +
                             strata::to_keras_string(mean) + " and variance shape " + strata::to_keras_string(variance));
    if (mean.rank() > static_cast<int>(o.axis.axes.size()))
      throw Error(where, "The rank of `mean` must be less than or equal to the number of axes (" +
                             std::to_string(o.axis.axes.size()) + "). Received: mean shape " + strata::to_keras_string(mean));
  }
  return make_named<NormalizationLayer>("Normalization", o.name, o.trainable, o);
}

void adapt(const Layer& layer, const Tensors& batches) {
  const auto adaptable = std::dynamic_pointer_cast<Adaptable>(layer.shared());
  if (!adaptable)
    fail_expected("adapt", "a Normalization or a Discretization layer", layer.defined() ? "a " + layer.class_name() : "none");
  if (batches.empty()) fail_expected("adapt", "at least one batch", "none");
  Shape open = batches[0].shape();
  if (open.rank() > 0) open[0] = open_dim;
  adaptable->ensure_built({open});
  adaptable->adapt(batches);
}

void adapt(const Layer& layer, const Tensor& data) { adapt(layer, Tensors{data}); }

namespace {
const bool registered = register_built_in("Normalization", Normalization, arguments);
}

}  // namespace strata::layers
