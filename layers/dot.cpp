#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/merging.h"
#include "layers/registration.h"

namespace strata::layers {
namespace {

constexpr auto arguments = [](auto& field, auto& axes, auto& o) {
  field.required("axes", axes);
  field("normalize", o.normalize);
};

/// All axes but the batch and one, joined: [batch, rest..., n] or, with the one in front, [batch, n, rest...].
Value as_matrix(const Value& x, int axis, bool axis_last) {
  Axes order{0}, rest;
  std::int64_t rows = 1;
  for (int i = 1; i < x.shape().rank(); ++i)
    if (i != axis) {
      rest.push_back(i);
      rows *= x.shape()[i];
    }
  if (!axis_last) order.push_back(axis);
  order.insert(order.end(), rest.begin(), rest.end());
  if (axis_last) order.push_back(axis);
  const std::int64_t batch = x.shape()[0], size = x.shape()[axis];
  return reshape(transpose(x, order), axis_last ? Shape{batch, rows, size} : Shape{batch, size, rows});
}

/// Sizes behind the batch, without that of `axis`.
void append_rest(Shape& to, const Shape& shape, int axis) {
  for (int i = 1; i < shape.rank(); ++i)
    if (i != axis) to.push_back(shape[i]);
}

class DotLayer final : public Base {
 public:
  DotLayer(AxisArgument axes, DotOptions options) : axes_(std::move(axes)), o_(std::move(options)) {}

  void check_input_count(std::size_t count) const override {
    if (count != 2)
      throw Error(describe(), "A `Dot` layer should be called on exactly 2 inputs. Received: " + std::to_string(count) + " inputs");
  }

  void check_inputs(const Shapes& inputs) const override {
    const int a = axis(0, inputs[0]), b = axis(1, inputs[1]);
    if (a == 0 || b == 0) fail_expected(describe(), "axes behind the batch", a == 0 ? to_string(inputs[0]) : to_string(inputs[1]));
    if (const std::int64_t m = inputs[0][a], n = inputs[1][b]; m != n && m != open_dim && n != open_dim)
      throw Error(describe(), "Incompatible input shapes: axis values " + std::to_string(m) + " (at axis " +
                                  std::to_string(a) + ") != " + std::to_string(n) + " (at axis " + std::to_string(b) +
                                  "). Full input shapes: " + strata::to_keras_string(inputs[0]) + ", " +
                                  strata::to_keras_string(inputs[1]));
  }

  Values call_inputs(const Values& inputs, Mode) override {
    Value x = to_compute(inputs[0]), y = to_compute(inputs[1]);
    const int a = axis(0, x.shape()), b = axis(1, y.shape());
    if (o_.normalize) {
      x = of_length_one(x, a);
      y = of_length_one(y, b);
    }
    Shape shape{x.shape()[0]};
    append_rest(shape, x.shape(), a);
    append_rest(shape, y.shape(), b);
    if (shape.rank() == 1) shape.push_back(1);
    return {reshape(matmul(as_matrix(x, a, true), as_matrix(y, b, false)), shape)};
  }

  bool supports_masking() const override { return true; }
  Values compute_mask(const Values&, const Values&) const override { return {}; }
  Config config() const override { return write_arguments(arguments, axes_, o_); }

 private:
  int axis(std::size_t input, const Shape& shape) const {
    return normalize_axis(axes_.axes[axes_.single ? 0 : input], shape.rank(), describe());
  }
  static Value of_length_one(const Value& x, int axis) {
    return x * minimum(rsqrt(sum(square(x), {axis}, {.keepdims = true})), 1e7);
  }

  AxisArgument axes_;
  DotOptions o_;
};
}  // namespace

Layer Dot(const AxisArgument& axes, const DotOptions& o) {
  if (!axes.single && axes.axes.size() != 2)
    throw Error(place("Dot", o.name), "Invalid format for argument `axes`: it should contain two elements. Received: axes=" +
                                          strata::to_keras_string(Shape(axes.axes)));
  return make_named<DotLayer>("Dot", o.name, o.trainable, axes, o);
}

namespace {
const bool registered = register_built_in("Dot", Dot, arguments);
}

}  // namespace strata::layers
