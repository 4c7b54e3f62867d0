#include "layers/pooling.h"

#include "core/ops/ops.h"
#include "core/ops/pool.h"
#include "layers/checks.h"
#include "layers/config_values.h"
#include "layers/window_checks.h"

namespace strata::layers {
namespace {

enum class Pooling { max, average };

class Pooling2DLayer final : public Definition {
 public:
  Pooling2DLayer(Pooling kind, Size2 pool_size, const Pooling2DOptions& o)
      : kind_(kind), pool_size_(pool_size), strides_(o.strides.value_or(pool_size)), padding_(o.padding) {}

  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], 4);
    require_pooled_output(describe(), inputs[0], pool_size_, strides_, padding_);
  }

  Value call(Value x, Mode) override {
    const PoolWindow2D window{.size = {pool_size_.height, pool_size_.width},
                              .strides = {strides_.height, strides_.width},
                              .padding = padding_from_string(padding_)};
    return kind_ == Pooling::max ? max_pool2d(to_compute(x), window) : average_pool2d(to_compute(x), window);
  }

  Config config() const override {
    return {{"pool_size", to_config(pool_size_)},
            {"strides", to_config(strides_)},
            {"padding", padding_},
            {"data_format", "channels_last"}};
  }

 private:
  Pooling kind_;
  Size2 pool_size_, strides_;
  std::string padding_;
};

class GlobalPooling2DLayer final : public Definition {
 public:
  GlobalPooling2DLayer(Pooling kind, bool keepdims) : kind_(kind), keepdims_(keepdims) {}

  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 4); }

  Value call(Value x, Mode) override {
    x = to_compute(x);
    const ReduceOptions options{.keepdims = keepdims_};
    return kind_ == Pooling::max ? max(x, {1, 2}, options) : mean(x, {1, 2}, options);
  }

  Config config() const override { return {{"data_format", "channels_last"}, {"keepdims", keepdims_}}; }

 private:
  Pooling kind_;
  bool keepdims_;
};

Layer make_pooling(const char* class_name, Pooling kind, const Size2& pool_size, const Pooling2DOptions& o) {
  const std::string where = place(class_name, o.name);
  require_positive(where, "pool_size", pool_size);
  if (o.strides) require_positive(where, "strides", *o.strides);
  require_padding(where, o.padding);
  require_channels_last(where, o.data_format);
  return make_named<Pooling2DLayer>(class_name, o.name, o.trainable, kind, pool_size, o);
}

Layer make_global(const char* class_name, Pooling kind, const GlobalPooling2DOptions& o) {
  require_channels_last(place(class_name, o.name), o.data_format);
  return make_named<GlobalPooling2DLayer>(class_name, o.name, o.trainable, kind, o.keepdims);
}
}  // namespace

Layer MaxPooling2D(Size2 pool_size, const Pooling2DOptions& o) {
  return make_pooling("MaxPooling2D", Pooling::max, pool_size, o);
}
Layer AveragePooling2D(Size2 pool_size, const Pooling2DOptions& o) {
  return make_pooling("AveragePooling2D", Pooling::average, pool_size, o);
}
Layer GlobalMaxPooling2D(const GlobalPooling2DOptions& o) { return make_global("GlobalMaxPooling2D", Pooling::max, o); }
Layer GlobalAveragePooling2D(const GlobalPooling2DOptions& o) {
  return make_global("GlobalAveragePooling2D", Pooling::average, o);
}

}  // namespace strata::layers
