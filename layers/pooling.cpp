#include "layers/pooling.h"

#include <numeric>

#include "layers/registration.h"
#include "layers/window_layer.h"

namespace strata::layers {
namespace {

constexpr auto pooling_arguments = [](auto& field, auto& pool_size, auto& o) {
  field.required("pool_size", pool_size);
  field("padding", o.padding);
  field("strides", o.strides);
  field("data_format", o.data_format);
};

constexpr auto global_arguments = [](auto& field, auto& o) {
  field("data_format", o.data_format);
  field("keepdims", o.keepdims);
};

constexpr auto adaptive_arguments = [](auto& field, auto& output_size, auto& o) {
  field.required("output_size", output_size);
  field("data_format", o.data_format);
};

enum class Pooling { max, average };

Value pool_image(Pooling kind, const Value& x, const PoolWindow2D& window) {
  return kind == Pooling::max ? max_pool2d(x, window) : average_pool2d(x, window);
}

/// Windows along N axes, in the fields that PoolWindow2D has.
template <std::size_t N>
struct Windows {
  std::array<std::int64_t, N> size, strides;
  Padding padding = Padding::valid;
  bool adaptive = false;

  /// For [N,H,W,C], along the rows alone.
  PoolWindow2D along_rows(std::int64_t columns) const {
    return {{size[0], adaptive ? columns : 1}, {strides[0], 1}, padding, adaptive};
  }
  PoolWindow2D along_last_two() const {
    return {{size[N - 2], size[N - 1]}, {strides[N - 2], strides[N - 1]}, padding, adaptive};
  }
};

/// A sequence is an image of width 1. Of a volume the planes are pooled, then each place along the depth: a maximum of
/// maxima, a mean of means over equally many; the first of equal maxima stays the first.
template <std::size_t N>
Value pool(Pooling kind, const Value& x, const Windows<N>& windows) {
  const Shape& s = x.shape();
  if constexpr (N == 1) {
    const Value y = pool_image(kind, reshape(x, Shape{s[0], s[1], 1, s[2]}), windows.along_rows(1));
    return reshape(y, Shape{s[0], y.shape()[1], s[2]});
  } else if constexpr (N == 2) {
    return pool_image(kind, x, windows.along_last_two());
  } else {
    const Value planes = pool_image(kind, reshape(x, Shape{s[0] * s[1], s[2], s[3], s[4]}), windows.along_last_two());
    const std::int64_t height = planes.shape()[1], width = planes.shape()[2];
    const Value rows = reshape(planes, Shape{s[0], s[1], height * width, s[4]});
    const Value y = pool_image(kind, rows, windows.along_rows(height * width));
    return reshape(y, Shape{s[0], y.shape()[1], height, width, s[4]});
  }
}

template <std::size_t N>
class PoolingLayer final : public Definition {
 public:
  PoolingLayer(Pooling kind, const Size<N>& pool_size, const PoolingOptions<N>& o)
      : kind_(kind), pool_size_(pool_size), o_(o) {
    if (!o_.strides) o_.strides = pool_size;
  }

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], N + 2);
    require_pooled_output(describe(), inputs[0], pool_size_.axes(), o_.strides->axes(), o_.padding);
  }

  Value call(Value x, Mode) override {
    return pool<N>(kind_, to_compute(x), {pool_size_.axes(), o_.strides->axes(), padding_from_string(o_.padding)});
  }

  Config config() const override { return write_arguments(pooling_arguments, pool_size_, o_); }

 private:
  Pooling kind_;
  Size<N> pool_size_;
  PoolingOptions<N> o_;
};

template <std::size_t N>
class AdaptivePoolingLayer final : public Definition {
 public:
  AdaptivePoolingLayer(Pooling kind, const Size<N>& output_size, const AdaptivePoolingOptions& o)
      : kind_(kind), output_size_(output_size), o_(o) {}

  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], N + 2); }

  Value call(Value x, Mode) override {
    return pool<N>(kind_, to_compute(x), {.size = output_size_.axes(), .strides = {}, .adaptive = true});
  }

  Config config() const override { return write_arguments(adaptive_arguments, output_size_, o_); }

 private:
  Pooling kind_;
  Size<N> output_size_;
  AdaptivePoolingOptions o_;
};

template <std::size_t N>
class GlobalPoolingLayer final : public Definition {
 public:
  GlobalPoolingLayer(Pooling kind, const GlobalPoolingOptions& o) : kind_(kind), o_(o) {}

  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], N + 2); }
  bool supports_masking() const override { return N == 1 && kind_ == Pooling::average; }
  Values compute_mask(const Values&, const Values&) const override { return {}; }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    if (const Value mask = current_mask(); mask && supports_masking()) return mean_of_steps(x, mask);
    Axes axes(N);
    std::iota(axes.begin(), axes.end(), 1);
    const ReduceOptions options{.keepdims = o_.keepdims};
    return kind_ == Pooling::max ? max(x, axes, options) : mean(x, axes, options);
  }

  Config config() const override { return write_arguments(global_arguments, o_); }

 private:
  /// Over those that the mask [batch, steps] lets through; NaN where it lets none, as in Keras.
  Value mean_of_steps(const Value& x, const Value& mask) const {
    const Value counts = expand_dims(mask, -1);
    const ReduceOptions options{.keepdims = o_.keepdims};
    return sum(where(counts, x, 0.0), {1}, options) / sum(cast(counts, x.dtype()), {1}, options);
  }

  Pooling kind_;
  GlobalPoolingOptions o_;
};

template <std::size_t N>
Layer make_pooling(const char* class_name, Pooling kind, const Size<N>& pool_size, const PoolingOptions<N>& o) {
  const std::string where = place(class_name, o.name);
  require_positive(where, "pool_size", pool_size.axes());
  if (o.strides) require_positive(where, "strides", o.strides->axes());
  require_padding(where, o.padding);
  require_channels_last(where, o.data_format);
  return make_named<PoolingLayer<N>>(class_name, o.name, o.trainable, kind, pool_size, o);
}

template <std::size_t N>
Layer make_global(const char* class_name, Pooling kind, const GlobalPoolingOptions& o) {
  require_channels_last(place(class_name, o.name), o.data_format);
  return make_named<GlobalPoolingLayer<N>>(class_name, o.name, o.trainable, kind, o);
}

template <std::size_t N>
Layer make_adaptive(const char* class_name, Pooling kind, const Size<N>& output_size, const AdaptivePoolingOptions& o) {
  const std::string where = place(class_name, o.name);
  require_positive(where, "output_size", output_size.axes());
  require_channels_last(where, o.data_format);
  return make_named<AdaptivePoolingLayer<N>>(class_name, o.name, o.trainable, kind, output_size, o);
}
}  // namespace

Layer MaxPooling1D(Size1 pool_size, const Pooling1DOptions& o) {
  return make_pooling<1>("MaxPooling1D", Pooling::max, pool_size, o);
}
Layer MaxPooling2D(Size2 pool_size, const Pooling2DOptions& o) {
  return make_pooling<2>("MaxPooling2D", Pooling::max, pool_size, o);
}
Layer MaxPooling3D(Size3 pool_size, const Pooling3DOptions& o) {
  return make_pooling<3>("MaxPooling3D", Pooling::max, pool_size, o);
}
Layer AveragePooling1D(Size1 pool_size, const Pooling1DOptions& o) {
  return make_pooling<1>("AveragePooling1D", Pooling::average, pool_size, o);
}
Layer AveragePooling2D(Size2 pool_size, const Pooling2DOptions& o) {
  return make_pooling<2>("AveragePooling2D", Pooling::average, pool_size, o);
}
Layer AveragePooling3D(Size3 pool_size, const Pooling3DOptions& o) {
  return make_pooling<3>("AveragePooling3D", Pooling::average, pool_size, o);
}

Layer GlobalMaxPooling1D(const GlobalPoolingOptions& o) {
  return make_global<1>("GlobalMaxPooling1D", Pooling::max, o);
}
Layer GlobalMaxPooling2D(const GlobalPoolingOptions& o) {
  return make_global<2>("GlobalMaxPooling2D", Pooling::max, o);
}
Layer GlobalMaxPooling3D(const GlobalPoolingOptions& o) {
  return make_global<3>("GlobalMaxPooling3D", Pooling::max, o);
}
Layer GlobalAveragePooling1D(const GlobalPoolingOptions& o) {
  return make_global<1>("GlobalAveragePooling1D", Pooling::average, o);
}
Layer GlobalAveragePooling2D(const GlobalPoolingOptions& o) {
  return make_global<2>("GlobalAveragePooling2D", Pooling::average, o);
}
Layer GlobalAveragePooling3D(const GlobalPoolingOptions& o) {
  return make_global<3>("GlobalAveragePooling3D", Pooling::average, o);
}

Layer AdaptiveMaxPooling1D(Size1 output_size, const AdaptivePoolingOptions& o) {
  return make_adaptive<1>("AdaptiveMaxPooling1D", Pooling::max, output_size, o);
}
Layer AdaptiveMaxPooling2D(Size2 output_size, const AdaptivePoolingOptions& o) {
  return make_adaptive<2>("AdaptiveMaxPooling2D", Pooling::max, output_size, o);
}
Layer AdaptiveMaxPooling3D(Size3 output_size, const AdaptivePoolingOptions& o) {
  return make_adaptive<3>("AdaptiveMaxPooling3D", Pooling::max, output_size, o);
}
Layer AdaptiveAveragePooling1D(Size1 output_size, const AdaptivePoolingOptions& o) {
  return make_adaptive<1>("AdaptiveAveragePooling1D", Pooling::average, output_size, o);
}
Layer AdaptiveAveragePooling2D(Size2 output_size, const AdaptivePoolingOptions& o) {
  return make_adaptive<2>("AdaptiveAveragePooling2D", Pooling::average, output_size, o);
}
Layer AdaptiveAveragePooling3D(Size3 output_size, const AdaptivePoolingOptions& o) {
  return make_adaptive<3>("AdaptiveAveragePooling3D", Pooling::average, output_size, o);
}

namespace {
const bool registered[] = {
    register_built_in("MaxPooling1D", MaxPooling1D, pooling_arguments, {"MaxPool1D"}),
    register_built_in("MaxPooling2D", MaxPooling2D, pooling_arguments, {"MaxPool2D"}),
    register_built_in("MaxPooling3D", MaxPooling3D, pooling_arguments, {"MaxPool3D"}),
    register_built_in("AveragePooling1D", AveragePooling1D, pooling_arguments, {"AvgPool1D"}),
    register_built_in("AveragePooling2D", AveragePooling2D, pooling_arguments, {"AvgPool2D"}),
    register_built_in("AveragePooling3D", AveragePooling3D, pooling_arguments, {"AvgPool3D"}),
    register_built_in("GlobalMaxPooling1D", GlobalMaxPooling1D, global_arguments, {"GlobalMaxPool1D"}),
    register_built_in("GlobalMaxPooling2D", GlobalMaxPooling2D, global_arguments, {"GlobalMaxPool2D"}),
    register_built_in("GlobalMaxPooling3D", GlobalMaxPooling3D, global_arguments, {"GlobalMaxPool3D"}),
    register_built_in("GlobalAveragePooling1D", GlobalAveragePooling1D, global_arguments, {"GlobalAvgPool1D"}),
    register_built_in("GlobalAveragePooling2D", GlobalAveragePooling2D, global_arguments, {"GlobalAvgPool2D"}),
    register_built_in("GlobalAveragePooling3D", GlobalAveragePooling3D, global_arguments, {"GlobalAvgPool3D"}),
    register_built_in("AdaptiveMaxPooling1D", AdaptiveMaxPooling1D, adaptive_arguments),
    register_built_in("AdaptiveMaxPooling2D", AdaptiveMaxPooling2D, adaptive_arguments),
    register_built_in("AdaptiveMaxPooling3D", AdaptiveMaxPooling3D, adaptive_arguments),
    register_built_in("AdaptiveAveragePooling1D", AdaptiveAveragePooling1D, adaptive_arguments),
    register_built_in("AdaptiveAveragePooling2D", AdaptiveAveragePooling2D, adaptive_arguments),
    register_built_in("AdaptiveAveragePooling3D", AdaptiveAveragePooling3D, adaptive_arguments)};
}

}  // namespace strata::layers
