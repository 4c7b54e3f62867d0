#pragma once

#include <string>
#include <string_view>

#include "core/ops/ops.h"
#include "layers/activations.h"
#include "layers/arguments.h"
#include "layers/checks.h"
#include "layers/layer.h"

/// What the layers that move a kernel or a window along N axes have in common. Internal.
namespace strata::layers {

using AxisSizes = std::span<const std::int64_t>;

/// Error when a convolution of this input has no output position; open sizes pass.
void require_output(std::string_view where, const Shape& input, const Shape& kernel, AxisSizes strides,
                    AxisSizes dilation, const std::string& padding);
/// The same for a pooling window.
void require_pooled_output(std::string_view where, const Shape& input, AxisSizes pool, AxisSizes strides,
                           const std::string& padding);
/// Error for strides together with dilation.
void require_strides_or_dilation(std::string_view where, AxisSizes strides, AxisSizes dilation);

/// What the options of all convolutions must satisfy; only Conv1D takes padding "causal".
template <std::size_t N, class Options>
void require_convolution(std::string_view where, const Size<N>& kernel_size, const Options& o, bool causal = false) {
  require_positive(where, "kernel_size", kernel_size.axes());
  require_positive(where, "strides", o.strides.axes());
  require_positive(where, "dilation_rate", o.dilation_rate.axes());
  require_padding(where, o.padding, causal);
  require_channels_last(where, o.data_format);
  require_strides_or_dilation(where, o.strides.axes(), o.dilation_rate.axes());
}

// The arguments that convolutions share.
inline constexpr auto window_arguments = [](auto& field, auto& kernel_size, auto& o) {
  field.required("kernel_size", kernel_size);
  field("strides", o.strides);
  field("padding", o.padding);
  field("data_format", o.data_format);
  field("dilation_rate", o.dilation_rate);
};
inline constexpr auto output_arguments = [](auto& field, auto& o) {
  field("activation", o.activation);
  field("use_bias", o.use_bias);
  field("bias_initializer", o.bias_initializer);
  field("bias_regularizer", o.bias_regularizer);
  field("activity_regularizer", o.activity_regularizer);
  field("bias_constraint", o.bias_constraint);
};
inline constexpr auto kernel_arguments = [](auto& field, auto& o) {
  field("kernel_initializer", o.kernel_initializer);
  field("kernel_regularizer", o.kernel_regularizer);
  field("kernel_constraint", o.kernel_constraint);
};
inline constexpr auto depthwise_arguments = [](auto& field, auto& o) {
  field("depth_multiplier", o.depth_multiplier);
  field("depthwise_initializer", o.depthwise_initializer);
  field("depthwise_regularizer", o.depthwise_regularizer);
  field("depthwise_constraint", o.depthwise_constraint);
};

/// [size..., a, b]
template <std::size_t N>
Shape kernel_shape(const Size<N>& size, std::int64_t a, std::int64_t b) {
  const auto axes = size.axes();
  Shape shape(axes.data(), axes.data() + N);
  shape.push_back(a);
  shape.push_back(b);
  return shape;
}

/// The ops know images and volumes: a sequence is an image of height 1, and so is its kernel.
template <std::size_t N>
Value as_image(const Value& x) {
  if constexpr (N > 1) return x;
  const Shape& s = x.shape();
  return reshape(x, Shape{s[0], 1, s[1], s[2]});
}
template <std::size_t N>
Value kernel_as_image(const Value& w) {
  if constexpr (N > 1) return w;
  const Shape& s = w.shape();
  return reshape(w, Shape{1, s[0], s[1], s[2]});
}
template <std::size_t N>
Value from_image(const Value& y) {
  if constexpr (N > 1) return y;
  const Shape& s = y.shape();
  return reshape(y, Shape{s[0], s[2], s[3]});
}

/// For as_image: the window as the ops take it. Padding that is not "same" is done, if there is any.
template <std::size_t N, class Options>
auto window_of(const Options& o, std::int64_t groups = 1) {
  constexpr std::size_t axes = N == 1 ? 2 : N;
  Window<axes> window{.padding = o.padding == "same" ? Padding::same : Padding::valid, .groups = groups};
  const auto strides = o.strides.axes(), dilation = o.dilation_rate.axes();
  for (std::size_t i = 0; i < N; ++i) {
    window.strides[axes - N + i] = strides[i];
    window.dilation[axes - N + i] = dilation[i];
  }
  return window;
}

/// A convolution's bias and activation.
class WindowLayer : public Definition {
 protected:
  template <class Options>
  void add_bias(const Options& o, std::int64_t size) {
    if (o.use_bias)
      bias_ = add_weight("bias", {size}, o.bias_initializer,
                         {.regularizer = o.bias_regularizer, .constraint = o.bias_constraint});
  }

  /// From the convolution of as_image to the layer's output.
  template <std::size_t N, class Options>
  Value finish(Value y, const Options& o) const {
    if (o.use_bias) y = y + bias_;
    return o.activation(from_image<N>(y));
  }

 private:
  Variable bias_;
};

}  // namespace strata::layers
