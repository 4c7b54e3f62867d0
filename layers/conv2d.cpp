#include "layers/conv2d.h"

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/config_values.h"
#include "layers/window_checks.h"

namespace strata::layers {
namespace {

class Conv2DLayer final : public Definition {
 public:
  Conv2DLayer(std::int64_t filters, Size2 kernel_size, Conv2DOptions options)
      : filters_(filters), kernel_size_(kernel_size), o_(std::move(options)) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    const Shape& input = inputs[0];
    require_rank(describe(), input, 4);
    if (!built()) return;
    require_axis(describe(), input, -1, kernel_.shape()[2] * o_.groups);
    require_output(describe(), input, kernel_.shape(), o_.strides, o_.dilation_rate, o_.padding);
  }

  void build(const Shape& input) override {
    const std::int64_t channels = known_size(describe(), input, -1);
    if (channels % o_.groups != 0)
      throw Error(describe(),
                  "The number of input channels must be evenly divisible by the number of groups. Received groups=" +
                      std::to_string(o_.groups) + ", but the input has " + std::to_string(channels) +
                      " channels (full input shape is " + strata::to_keras_string(input) + ").");
    const Shape kernel{kernel_size_.height, kernel_size_.width, channels / o_.groups, filters_};
    require_output(describe(), input, kernel, o_.strides, o_.dilation_rate, o_.padding);
    kernel_ = add_weight("kernel", kernel, o_.kernel_initializer,
                         {.regularizer = o_.kernel_regularizer, .constraint = o_.kernel_constraint});
    if (o_.use_bias)
      bias_ = add_weight("bias", {filters_}, o_.bias_initializer,
                         {.regularizer = o_.bias_regularizer, .constraint = o_.bias_constraint});
  }

  Value call(Value x, Mode) override {
    Value y = conv2d(to_compute(x), kernel_, window_of(o_.strides, o_.padding, o_.dilation_rate, o_.groups));
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
            {"groups", o_.groups},
            {"activation", to_config(o_.activation)},
            {"use_bias", o_.use_bias},
            {"kernel_initializer", to_config(o_.kernel_initializer)},
            {"bias_initializer", to_config(o_.bias_initializer)},
            {"kernel_regularizer", to_config(o_.kernel_regularizer)},
            {"bias_regularizer", to_config(o_.bias_regularizer)},
            {"activity_regularizer", to_config(o_.activity_regularizer)},
            {"kernel_constraint", to_config(o_.kernel_constraint)},
            {"bias_constraint", to_config(o_.bias_constraint)}};
  }

 private:
  std::int64_t filters_;
  Size2 kernel_size_;
  Conv2DOptions o_;
  Variable kernel_, bias_;
};

class Conv2DTransposeLayer final : public Definition {
 public:
  Conv2DTransposeLayer(std::int64_t filters, Size2 kernel_size, Conv2DTransposeOptions options)
      : filters_(filters), kernel_size_(kernel_size), o_(std::move(options)) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], 4);
    if (built()) require_axis(describe(), inputs[0], -1, kernel_.shape()[3]);
  }

  void build(const Shape& input) override {
    const std::int64_t channels = known_size(describe(), input, -1);
    kernel_ = add_weight("kernel", {kernel_size_.height, kernel_size_.width, filters_, channels}, o_.kernel_initializer,
                         {.regularizer = o_.kernel_regularizer, .constraint = o_.kernel_constraint});
    if (o_.use_bias)
      bias_ = add_weight("bias", {filters_}, o_.bias_initializer,
                         {.regularizer = o_.bias_regularizer, .constraint = o_.bias_constraint});
  }

  Value call(Value x, Mode) override {
    OutputPadding extra;
    if (o_.output_padding) extra = {o_.output_padding->height, o_.output_padding->width};
    Value y = conv2d_transpose(to_compute(x), kernel_, window_of(o_.strides, o_.padding, o_.dilation_rate), extra);
    if (o_.use_bias) y = y + bias_;
    return o_.activation(y);
  }

  Config config() const override {
    return {{"filters", filters_},
            {"kernel_size", to_config(kernel_size_)},
            {"strides", to_config(o_.strides)},
            {"padding", o_.padding},
            {"output_padding", to_config(o_.output_padding)},
            {"data_format", o_.data_format},
            {"dilation_rate", to_config(o_.dilation_rate)},
            {"activation", to_config(o_.activation)},
            {"use_bias", o_.use_bias},
            {"kernel_initializer", to_config(o_.kernel_initializer)},
            {"bias_initializer", to_config(o_.bias_initializer)},
            {"kernel_regularizer", to_config(o_.kernel_regularizer)},
            {"bias_regularizer", to_config(o_.bias_regularizer)},
            {"activity_regularizer", to_config(o_.activity_regularizer)},
            {"kernel_constraint", to_config(o_.kernel_constraint)},
            {"bias_constraint", to_config(o_.bias_constraint)}};
  }

 private:
  std::int64_t filters_;
  Size2 kernel_size_;
  Conv2DTransposeOptions o_;
  Variable kernel_, bias_;
};
}  // namespace

Layer Conv2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& o) {
  const std::string where = place("Conv2D", o.name);
  require_strictly_positive(where, "filters", filters);
  require_strictly_positive(where, "groups", o.groups);
  if (filters % o.groups != 0)
    throw Error(where, "The number of filters must be evenly divisible by the number of groups. Received: groups=" +
                           std::to_string(o.groups) + ", filters=" + std::to_string(filters) + ".");
  require_convolution(where, kernel_size, o.strides, o.dilation_rate, o.padding, o.data_format);
  return make_named<Conv2DLayer>("Conv2D", o.name, o.trainable, filters, kernel_size, o);
}

Layer Conv2DTranspose(std::int64_t filters, Size2 kernel_size, const Conv2DTransposeOptions& o) {
  const std::string where = place("Conv2DTranspose", o.name);
  require_strictly_positive(where, "filters", filters);
  require_convolution(where, kernel_size, o.strides, o.dilation_rate, o.padding, o.data_format);
  if (const auto& p = o.output_padding;
      p && (p->height < 0 || p->width < 0 || p->height >= o.strides.height || p->width >= o.strides.width))
    fail_expected(where, "an output_padding of at least 0 and below the strides " + to_keras_string(o.strides),
                  to_keras_string(*p));
  return make_named<Conv2DTransposeLayer>("Conv2DTranspose", o.name, o.trainable, filters, kernel_size, o);
}

}  // namespace strata::layers
