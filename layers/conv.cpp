#include "layers/conv.h"

#include "layers/registration.h"
#include "layers/window_layer.h"

namespace strata::layers {
namespace {

constexpr auto conv_arguments = [](auto& field, auto& filters, auto& kernel_size, auto& o) {
  field.required("filters", filters);
  window_arguments(field, kernel_size, o);
  field("groups", o.groups);
  kernel_arguments(field, o);
  output_arguments(field, o);
};

constexpr auto transpose_arguments = [](auto& field, auto& filters, auto& kernel_size, auto& o) {
  field.required("filters", filters);
  window_arguments(field, kernel_size, o);
  field("output_padding", o.output_padding);
  kernel_arguments(field, o);
  output_arguments(field, o);
  field.accepted("groups", 1);  // written by Keras 2, refused by Keras 3
};

template <std::size_t N>
class ConvLayer final : public WindowLayer {
 public:
  ConvLayer(std::int64_t filters, const Size<N>& kernel_size, const ConvOptions<N>& o)
      : filters_(filters), kernel_size_(kernel_size), o_(o) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], N + 2);
    if (!built()) return;
    require_axis(describe(), inputs[0], -1, kernel_.shape()[-2] * o_.groups);
    require_output(describe(), inputs[0], kernel_.shape(), o_.strides.axes(), o_.dilation_rate.axes(), o_.padding);
  }

  void build(const Shape& input) override {
    const std::int64_t channels = known_size(describe(), input, -1);
    if (channels % o_.groups != 0)
      throw Error(describe(),
                  "The number of input channels must be evenly divisible by the number of groups. Received groups=" +
                      std::to_string(o_.groups) + ", but the input has " + std::to_string(channels) +
                      " channels (full input shape is " + strata::to_keras_string(input) + ").");
    const Shape kernel = kernel_shape<N>(kernel_size_, channels / o_.groups, filters_);
    require_output(describe(), input, kernel, o_.strides.axes(), o_.dilation_rate.axes(), o_.padding);
    kernel_ = add_weight("kernel", kernel, o_.kernel_initializer,
                         {.regularizer = o_.kernel_regularizer, .constraint = o_.kernel_constraint});
    add_bias(o_, filters_);
  }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    const auto window = window_of<N>(o_, o_.groups);
    if constexpr (N == 1)
      if (o_.padding == "causal") x = pad(x, {0, o_.dilation_rate.length * (kernel_size_.length - 1), 0}, {0, 0, 0});
    if constexpr (N == 3)
      return finish<N>(conv3d(x, kernel_, window), o_);
    else
      return finish<N>(conv2d(as_image<N>(x), kernel_as_image<N>(kernel_), window), o_);
  }

  Config config() const override { return write_arguments(conv_arguments, filters_, kernel_size_, o_); }

 private:
  std::int64_t filters_;
  Size<N> kernel_size_;
  ConvOptions<N> o_;
  Variable kernel_;
};

template <std::size_t N>
class ConvTransposeLayer final : public WindowLayer {
 public:
  ConvTransposeLayer(std::int64_t filters, const Size<N>& kernel_size, const ConvTransposeOptions<N>& o)
      : filters_(filters), kernel_size_(kernel_size), o_(o) {
    set_activity_regularizer(o_.activity_regularizer);
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], N + 2);
    if (built()) require_axis(describe(), inputs[0], -1, kernel_.shape()[-1]);
  }

  void build(const Shape& input) override {
    const Shape kernel = kernel_shape<N>(kernel_size_, filters_, known_size(describe(), input, -1));
    kernel_ = add_weight("kernel", kernel, o_.kernel_initializer,
                         {.regularizer = o_.kernel_regularizer, .constraint = o_.kernel_constraint});
    add_bias(o_, filters_);
  }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    const auto window = window_of<N>(o_);
    if constexpr (N == 3)
      return finish<N>(conv3d_transpose(x, kernel_, window, extra()), o_);
    else
      return finish<N>(conv2d_transpose(as_image<N>(x), kernel_as_image<N>(kernel_), window, extra()), o_);
  }

  Config config() const override { return write_arguments(transpose_arguments, filters_, kernel_size_, o_); }

 private:
  /// For as_image: the added axis gets no padding.
  auto extra() const {
    constexpr std::size_t axes = N == 1 ? 2 : N;
    OutputPadding<axes> padding;
    if (!o_.output_padding) return padding;
    const auto given = o_.output_padding->axes();
    std::copy(given.begin(), given.end(), padding.emplace().begin() + (axes - N));
    return padding;
  }

  std::int64_t filters_;
  Size<N> kernel_size_;
  ConvTransposeOptions<N> o_;
  Variable kernel_;
};

template <std::size_t N>
Layer make_conv(const char* class_name, std::int64_t filters, const Size<N>& kernel_size, const ConvOptions<N>& o) {
  const std::string where = place(class_name, o.name);
  require_strictly_positive(where, "filters", filters);
  require_strictly_positive(where, "groups", o.groups);
  if (filters % o.groups != 0)
    throw Error(where, "The number of filters must be evenly divisible by the number of groups. Received: groups=" +
                           std::to_string(o.groups) + ", filters=" + std::to_string(filters) + ".");
  require_convolution<N>(where, kernel_size, o, N == 1);
  return make_named<ConvLayer<N>>(class_name, o.name, o.trainable, filters, kernel_size, o);
}

void require_output_padding(const std::string& where, AxisSizes padding, AxisSizes strides) {
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (padding[i] < 0) fail_expected(where, "an output_padding of at least 0", to_keras_string(padding));
    if (padding[i] >= strides[i])
      throw Error(where, "`output_padding` must be strictly less than `strides` for all dimensions. At dimension " +
                             std::to_string(i) + ", `output_padding` is " + std::to_string(padding[i]) +
                             " but `strides` is " + std::to_string(strides[i]) + ". Received: output_padding=" +
                             to_keras_string(padding) + ", strides=" + to_keras_string(strides));
  }
}

template <std::size_t N>
Layer make_transpose(const char* class_name, std::int64_t filters, const Size<N>& kernel_size,
                     const ConvTransposeOptions<N>& o) {
  const std::string where = place(class_name, o.name);
  require_strictly_positive(where, "filters", filters);
  require_convolution<N>(where, kernel_size, o);
  if (o.output_padding) require_output_padding(where, o.output_padding->axes(), o.strides.axes());
  return make_named<ConvTransposeLayer<N>>(class_name, o.name, o.trainable, filters, kernel_size, o);
}
}  // namespace

Layer Conv1D(std::int64_t filters, Size1 kernel_size, const Conv1DOptions& o) {
  return make_conv<1>("Conv1D", filters, kernel_size, o);
}
Layer Conv2D(std::int64_t filters, Size2 kernel_size, const Conv2DOptions& o) {
  return make_conv<2>("Conv2D", filters, kernel_size, o);
}
Layer Conv3D(std::int64_t filters, Size3 kernel_size, const Conv3DOptions& o) {
  return make_conv<3>("Conv3D", filters, kernel_size, o);
}

Layer Conv1DTranspose(std::int64_t filters, Size1 kernel_size, const Conv1DTransposeOptions& o) {
  return make_transpose<1>("Conv1DTranspose", filters, kernel_size, o);
}
Layer Conv2DTranspose(std::int64_t filters, Size2 kernel_size, const Conv2DTransposeOptions& o) {
  return make_transpose<2>("Conv2DTranspose", filters, kernel_size, o);
}
Layer Conv3DTranspose(std::int64_t filters, Size3 kernel_size, const Conv3DTransposeOptions& o) {
  return make_transpose<3>("Conv3DTranspose", filters, kernel_size, o);
}

namespace {
const bool registered[] = {
    register_built_in("Conv1D", Conv1D, conv_arguments, {"Convolution1D"}),
    register_built_in("Conv2D", Conv2D, conv_arguments, {"Convolution2D"}),
    register_built_in("Conv3D", Conv3D, conv_arguments, {"Convolution3D"}),
    register_built_in("Conv1DTranspose", Conv1DTranspose, transpose_arguments, {"Convolution1DTranspose"}),
    register_built_in("Conv2DTranspose", Conv2DTranspose, transpose_arguments, {"Convolution2DTranspose"}),
    register_built_in("Conv3DTranspose", Conv3DTranspose, transpose_arguments, {"Convolution3DTranspose"})};
}

}  // namespace strata::layers
