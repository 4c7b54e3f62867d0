#include "layers/depthwise_conv.h"

#include "layers/registration.h"
#include "layers/window_layer.h"

namespace strata::layers {
namespace {

constexpr auto depthwise_conv_arguments = [](auto& field, auto& kernel_size, auto& o) {
  window_arguments(field, kernel_size, o);
  depthwise_arguments(field, o);
  output_arguments(field, o);
  field.accepted("groups", 1);  // written by Keras 2, refused by Keras 3
};

constexpr auto separable_arguments = [](auto& field, auto& filters, auto& kernel_size, auto& o) {
  field.required("filters", filters);
  window_arguments(field, kernel_size, o);
  depthwise_arguments(field, o);
  field("pointwise_initializer", o.pointwise_initializer);
  field("pointwise_regularizer", o.pointwise_regularizer);
  field("pointwise_constraint", o.pointwise_constraint);
  output_arguments(field, o);
  // Keras 2 writes the arguments of a plain convolution, too, which it does not use.
  field.accepted("groups", 1);
  for (const char* key : {"kernel_initializer", "kernel_regularizer", "kernel_constraint"}) field.ignored(key);
};

template <std::size_t N>
class DepthwiseConvLayer final : public WindowLayer {
 public:
  DepthwiseConvLayer(const Size<N>& kernel_size, const DepthwiseConvOptions<N>& o) : kernel_size_(kernel_size), o_(o) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], N + 2);
    if (!built()) return;
    require_axis(describe(), inputs[0], -1, kernel_.shape()[-2]);
    require_output(describe(), inputs[0], kernel_.shape(), o_.strides.axes(), o_.dilation_rate.axes(), o_.padding);
  }

  void build(const Shape& input) override {
    const std::int64_t channels = known_size(describe(), input, -1);
    const Shape kernel = kernel_shape<N>(kernel_size_, channels, o_.depth_multiplier);
    require_output(describe(), input, kernel, o_.strides.axes(), o_.dilation_rate.axes(), o_.padding);
    kernel_ = add_weight("kernel", kernel, o_.depthwise_initializer,
                         {.regularizer = o_.depthwise_regularizer, .constraint = o_.depthwise_constraint});
    add_bias(o_, channels * o_.depth_multiplier);
  }

  Value call(Value x, Mode) override {
    return finish<N>(depthwise_conv2d(as_image<N>(to_compute(x)), kernel_as_image<N>(kernel_), window_of<N>(o_)), o_);
  }

  Config config() const override { return write_arguments(depthwise_conv_arguments, kernel_size_, o_); }

 private:
  Size<N> kernel_size_;
  DepthwiseConvOptions<N> o_;
  Variable kernel_;
};

template <std::size_t N>
class SeparableConvLayer final : public WindowLayer {
 public:
  SeparableConvLayer(std::int64_t filters, const Size<N>& kernel_size, const SeparableConvOptions<N>& o)
      : filters_(filters), kernel_size_(kernel_size), o_(o) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], N + 2);
    if (!built()) return;
    require_axis(describe(), inputs[0], -1, depthwise_.shape()[-2]);
    require_output(describe(), inputs[0], depthwise_.shape(), o_.strides.axes(), o_.dilation_rate.axes(), o_.padding);
  }

  void build(const Shape& input) override {
    const std::int64_t channels = known_size(describe(), input, -1);
    const Shape kernel = kernel_shape<N>(kernel_size_, channels, o_.depth_multiplier);
    require_output(describe(), input, kernel, o_.strides.axes(), o_.dilation_rate.axes(), o_.padding);
    depthwise_ = add_weight("depthwise_kernel", kernel, o_.depthwise_initializer,
                            {.regularizer = o_.depthwise_regularizer, .constraint = o_.depthwise_constraint});
    pointwise_ = add_weight("pointwise_kernel", kernel_shape<N>(1, channels * o_.depth_multiplier, filters_),
                            o_.pointwise_initializer,
                            {.regularizer = o_.pointwise_regularizer, .constraint = o_.pointwise_constraint});
    add_bias(o_, filters_);
  }

  Value call(Value x, Mode) override {
    x = depthwise_conv2d(as_image<N>(to_compute(x)), kernel_as_image<N>(depthwise_), window_of<N>(o_));
    return finish<N>(conv2d(x, kernel_as_image<N>(pointwise_)), o_);
  }

  Config config() const override { return write_arguments(separable_arguments, filters_, kernel_size_, o_); }

 private:
  std::int64_t filters_;
  Size<N> kernel_size_;
  SeparableConvOptions<N> o_;
  Variable depthwise_, pointwise_;
};

template <std::size_t N>
Layer make_depthwise(const char* class_name, const Size<N>& kernel_size, const DepthwiseConvOptions<N>& o) {
  const std::string where = place(class_name, o.name);
  require_strictly_positive(where, "depth_multiplier", o.depth_multiplier);
  require_convolution<N>(where, kernel_size, o);
  return make_named<DepthwiseConvLayer<N>>(class_name, o.name, o.trainable, kernel_size, o);
}

template <std::size_t N>
Layer make_separable(const char* class_name, std::int64_t filters, const Size<N>& kernel_size,
                     const SeparableConvOptions<N>& o) {
  const std::string where = place(class_name, o.name);
  require_strictly_positive(where, "filters", filters);
  require_strictly_positive(where, "depth_multiplier", o.depth_multiplier);
  require_convolution<N>(where, kernel_size, o);
  return make_named<SeparableConvLayer<N>>(class_name, o.name, o.trainable, filters, kernel_size, o);
}
}  // namespace

Layer DepthwiseConv1D(Size1 kernel_size, const DepthwiseConv1DOptions& o) {
  return make_depthwise<1>("DepthwiseConv1D", kernel_size, o);
}
Layer DepthwiseConv2D(Size2 kernel_size, const DepthwiseConv2DOptions& o) {
  return make_depthwise<2>("DepthwiseConv2D", kernel_size, o);
}

Layer SeparableConv1D(std::int64_t filters, Size1 kernel_size, const SeparableConv1DOptions& o) {
  return make_separable<1>("SeparableConv1D", filters, kernel_size, o);
}
Layer SeparableConv2D(std::int64_t filters, Size2 kernel_size, const SeparableConv2DOptions& o) {
  return make_separable<2>("SeparableConv2D", filters, kernel_size, o);
}

namespace {
const bool registered[] = {
    register_built_in("DepthwiseConv1D", DepthwiseConv1D, depthwise_conv_arguments),
    register_built_in("DepthwiseConv2D", DepthwiseConv2D, depthwise_conv_arguments),
    register_built_in("SeparableConv1D", SeparableConv1D, separable_arguments, {"SeparableConvolution1D"}),
    register_built_in("SeparableConv2D", SeparableConv2D, separable_arguments, {"SeparableConvolution2D"})};
}

}  // namespace strata::layers
