#include "layers/depthwise_conv2d.h"

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/config_values.h"
#include "layers/window_checks.h"

namespace strata::layers {
namespace {

class DepthwiseConv2DLayer final : public Definition {
 public:
  DepthwiseConv2DLayer(Size2 kernel_size, DepthwiseConv2DOptions options)
      : kernel_size_(kernel_size), o_(std::move(options)) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], 4);
    if (!built()) return;
    require_axis(describe(), inputs[0], -1, kernel_.shape()[2]);
    require_output(describe(), inputs[0], kernel_.shape(), o_.strides, o_.dilation_rate, o_.padding);
  }

  void build(const Shape& input) override {
    const std::int64_t channels = known_size(describe(), input, -1);
    const Shape kernel{kernel_size_.height, kernel_size_.width, channels, o_.depth_multiplier};
    require_output(describe(), input, kernel, o_.strides, o_.dilation_rate, o_.padding);
    kernel_ = add_weight("kernel", kernel, o_.depthwise_initializer,
                         {.regularizer = o_.depthwise_regularizer, .constraint = o_.depthwise_constraint});
    if (o_.use_bias)
      bias_ = add_weight("bias", {channels * o_.depth_multiplier}, o_.bias_initializer,
                         {.regularizer = o_.bias_regularizer, .constraint = o_.bias_constraint});
  }

  Value call(Value x, Mode) override {
    Value y = depthwise_conv2d(to_compute(x), kernel_, window_of(o_.strides, o_.padding, o_.dilation_rate));
    if (o_.use_bias) y = y + bias_;
    return o_.activation(y);
  }

  Config config() const override {
    return {{"kernel_size", to_config(kernel_size_)},
            {"strides", to_config(o_.strides)},
            {"padding", o_.padding},
            {"depth_multiplier", o_.depth_multiplier},
            {"data_format", o_.data_format},
            {"dilation_rate", to_config(o_.dilation_rate)},
            {"activation", to_config(o_.activation)},
            {"use_bias", o_.use_bias},
            {"depthwise_initializer", to_config(o_.depthwise_initializer)},
            {"bias_initializer", to_config(o_.bias_initializer)},
            {"depthwise_regularizer", to_config(o_.depthwise_regularizer)},
            {"bias_regularizer", to_config(o_.bias_regularizer)},
            {"activity_regularizer", to_config(o_.activity_regularizer)},
            {"depthwise_constraint", to_config(o_.depthwise_constraint)},
            {"bias_constraint", to_config(o_.bias_constraint)}};
  }

 private:
  Size2 kernel_size_;
  DepthwiseConv2DOptions o_;
  Variable kernel_, bias_;
};

class SeparableConv2DLayer final : public Definition {
 public:
  SeparableConv2DLayer(std::int64_t filters, Size2 kernel_size, SeparableConv2DOptions options)
      : filters_(filters), kernel_size_(kernel_size), o_(std::move(options)) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], 4);
    if (!built()) return;
    require_axis(describe(), inputs[0], -1, depthwise_.shape()[2]);
    require_output(describe(), inputs[0], depthwise_.shape(), o_.strides, o_.dilation_rate, o_.padding);
  }

  void build(const Shape& input) override {
    const std::int64_t channels = known_size(describe(), input, -1);
    const Shape kernel{kernel_size_.height, kernel_size_.width, channels, o_.depth_multiplier};
    require_output(describe(), input, kernel, o_.strides, o_.dilation_rate, o_.padding);
    depthwise_ = add_weight("depthwise_kernel", kernel, o_.depthwise_initializer,
                            {.regularizer = o_.depthwise_regularizer, .constraint = o_.depthwise_constraint});
    pointwise_ =
        add_weight("pointwise_kernel", {1, 1, channels * o_.depth_multiplier, filters_}, o_.pointwise_initializer,
                   {.regularizer = o_.pointwise_regularizer, .constraint = o_.pointwise_constraint});
    if (o_.use_bias)
      bias_ = add_weight("bias", {filters_}, o_.bias_initializer,
                         {.regularizer = o_.bias_regularizer, .constraint = o_.bias_constraint});
  }

  Value call(Value x, Mode) override {
    Value y = depthwise_conv2d(to_compute(x), depthwise_, window_of(o_.strides, o_.padding, o_.dilation_rate));
    y = conv2d(y, pointwise_, {});
    if (o_.use_bias) y = y + bias_;
    return o_.activation(y);
  }

  Config config() const override {
    return {{"filters", filters_},
            {"kernel_size", to_config(kernel_size_)},
            {"strides", to_config(o_.strides)},
            {"padding", o_.padding},
            {"data_format", o_.data_format},
            {"dilation_rate", to_config(o_.dilation_rate)},
            {"depth_multiplier", o_.depth_multiplier},
            {"activation", to_config(o_.activation)},
            {"use_bias", o_.use_bias},
            {"depthwise_initializer", to_config(o_.depthwise_initializer)},
            {"pointwise_initializer", to_config(o_.pointwise_initializer)},
            {"bias_initializer", to_config(o_.bias_initializer)},
            {"depthwise_regularizer", to_config(o_.depthwise_regularizer)},
            {"pointwise_regularizer", to_config(o_.pointwise_regularizer)},
            {"bias_regularizer", to_config(o_.bias_regularizer)},
            {"activity_regularizer", to_config(o_.activity_regularizer)},
            {"depthwise_constraint", to_config(o_.depthwise_constraint)},
            {"pointwise_constraint", to_config(o_.pointwise_constraint)},
            {"bias_constraint", to_config(o_.bias_constraint)}};
  }

 private:
  std::int64_t filters_;
  Size2 kernel_size_;
  SeparableConv2DOptions o_;
  Variable depthwise_, pointwise_, bias_;
};
}  // namespace

Layer DepthwiseConv2D(Size2 kernel_size, const DepthwiseConv2DOptions& o) {
  const std::string where = place("DepthwiseConv2D", o.name);
  require_strictly_positive(where, "depth_multiplier", o.depth_multiplier);
  require_convolution(where, kernel_size, o.strides, o.dilation_rate, o.padding, o.data_format);
  return make_named<DepthwiseConv2DLayer>("DepthwiseConv2D", o.name, o.trainable, kernel_size, o);
}

Layer SeparableConv2D(std::int64_t filters, Size2 kernel_size, const SeparableConv2DOptions& o) {
  const std::string where = place("SeparableConv2D", o.name);
  require_strictly_positive(where, "filters", filters);
  require_strictly_positive(where, "depth_multiplier", o.depth_multiplier);
  require_convolution(where, kernel_size, o.strides, o.dilation_rate, o.padding, o.data_format);
  return make_named<SeparableConv2DLayer>("SeparableConv2D", o.name, o.trainable, filters, kernel_size, o);
}

}  // namespace strata::layers
