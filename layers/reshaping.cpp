#include "layers/reshaping.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/ops/ops.h"
#include "layers/checks.h"
#include "layers/config_values.h"

namespace strata::layers {
namespace {

class FlattenLayer final : public Definition {
 public:
  void check_inputs(const Shapes& inputs) const override { require_min_rank(describe(), inputs[0], 1); }
  Value call(Value x, Mode) override { return x.shape().rank() == 1 ? expand_dims(x, 1) : flatten(x, 1); }
  Config config() const override { return {{"data_format", "channels_last"}}; }
};

class ReshapeLayer final : public Definition {
 public:
  explicit ReshapeLayer(Shape target) : target_(std::move(target)) {}

  void check_inputs(const Shapes& inputs) const override {
    require_min_rank(describe(), inputs[0], 1);
    const Shape sample = inputs[0].slice(1, inputs[0].rank());
    if (sample.has_open_dim()) return;
    const std::int64_t known = known_elements(), elements = sample.elements();
    if (target_.has_open_dim() ? known == 0 || elements % known != 0 : known != elements)
      throw Error(describe(), "The total size of the tensor must be unchanged. Received: input_shape=" +
                                  strata::to_keras_string(sample) +
                                  ", target_shape=" + strata::to_keras_string(target_));
  }

  Value call(Value x, Mode) override {
    Shape shape{x.shape()[0]};
    const std::int64_t elements = x.shape().slice(1, x.shape().rank()).elements();
    for (const std::int64_t size : target_) shape.push_back(size == open_dim ? elements / known_elements() : size);
    return reshape(x, shape);
  }

  Config config() const override { return {{"target_shape", target_.dims()}}; }

 private:
  std::int64_t known_elements() const {
    return std::accumulate(target_.begin(), target_.end(), std::int64_t{1},
                           [](std::int64_t n, std::int64_t size) { return size == open_dim ? n : n * size; });
  }
  Shape target_;
};

class PermuteLayer final : public Definition {
 public:
  explicit PermuteLayer(Axes dims) : dims_(std::move(dims)) {}
  void check_inputs(const Shapes& inputs) const override {
    require_rank(describe(), inputs[0], static_cast<int>(dims_.size()) + 1);
  }
  Value call(Value x, Mode) override {
    Axes axes{0};
    axes.insert(axes.end(), dims_.begin(), dims_.end());
    return transpose(x, axes);
  }
  Config config() const override { return {{"dims", dims_}}; }

 private:
  Axes dims_;
};

class ZeroPadding2DLayer final : public Definition {
 public:
  explicit ZeroPadding2DLayer(const Margins2& padding) : padding_(padding) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 4); }
  Value call(Value x, Mode) override {
    return pad(x, {0, padding_.height.before, padding_.width.before, 0},
               {0, padding_.height.after, padding_.width.after, 0});
  }
  Config config() const override {
    using List = ConfigValue::List;
    return {{"padding", List{List{padding_.height.before, padding_.height.after},
                             List{padding_.width.before, padding_.width.after}}},
            {"data_format", "channels_last"}};
  }

 private:
  Margins2 padding_;
};

/// `factor` times as many positions along `axis`, interpolated between the centers of the two nearest pixels.
Value upsample_linearly(const Value& x, std::int64_t axis, std::int64_t factor) {
  const std::int64_t size = x.shape()[axis];
  if (factor == 1 || size == 0) return x;
  std::vector<std::int32_t> low, high;
  std::vector<float> share;
  for (std::int64_t i = 0; i < size * factor; ++i) {
    const double position = (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5;
    const double floor_position = std::floor(position);
    const auto first = static_cast<std::int64_t>(floor_position);
    low.push_back(static_cast<std::int32_t>(std::max<std::int64_t>(first, 0)));
    high.push_back(static_cast<std::int32_t>(std::min(first + 1, size - 1)));
    share.push_back(static_cast<float>(position - floor_position));
  }
  Shape along_axis(std::vector<std::int64_t>(static_cast<std::size_t>(x.shape().rank()), 1));
  along_axis[axis] = size * factor;
  const Value weight = constant(Tensor::from(along_axis, share));
  const Value a = gather(x, constant(Tensor::from({size * factor}, low)), axis);
  const Value b = gather(x, constant(Tensor::from({size * factor}, high)), axis);
  return a + (b - a) * weight;
}

class UpSampling2DLayer final : public Definition {
 public:
  UpSampling2DLayer(const Size2& size, std::string interpolation)
      : size_(size), interpolation_(std::move(interpolation)) {}
  void check_inputs(const Shapes& inputs) const override { require_rank(describe(), inputs[0], 4); }
  Value call(Value x, Mode) override {
    if (interpolation_ == "bilinear")
      return upsample_linearly(upsample_linearly(to_compute(x), 1, size_.height), 2, size_.width);
    if (size_.height > 1) x = repeat(x, size_.height, 1);
    return size_.width > 1 ? repeat(x, size_.width, 2) : x;
  }
  Config config() const override {
    return {{"size", to_config(size_)}, {"data_format", "channels_last"}, {"interpolation", interpolation_}};
  }

 private:
  Size2 size_;
  std::string interpolation_;
};
}  // namespace

Layer Flatten(const FlattenOptions& o) {
  require_channels_last(place("Flatten", o.name), o.data_format);
  return make_named<FlattenLayer>("Flatten", o.name, o.trainable);
}

Layer Reshape(const Shape& target_shape, const LayerArguments& o) {
  const auto is_open = [](std::int64_t size) { return size == open_dim; };
  const auto is_wrong = [](std::int64_t size) { return size < open_dim; };
  if (std::count_if(target_shape.begin(), target_shape.end(), is_open) > 1 ||
      std::any_of(target_shape.begin(), target_shape.end(), is_wrong))
    fail_expected(place("Reshape", o.name), "a target_shape of sizes, of which at most one is -1",
                  to_string(target_shape));
  return make_named<ReshapeLayer>("Reshape", o.name, o.trainable, target_shape);
}

Layer Permute(const Axes& dims, const LayerArguments& o) {
  Axes sorted = dims, counted(dims.size());
  std::ranges::sort(sorted);
  std::iota(counted.begin(), counted.end(), 1);
  if (sorted != counted)
    throw Error(
        place("Permute", o.name),
        "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be consecutive "
        "and start from 1. Received dims=" +
            strata::to_keras_string(Shape(dims)));
  return make_named<PermuteLayer>("Permute", o.name, o.trainable, dims);
}

Layer ZeroPadding2D(Margins2 padding, const ZeroPadding2DOptions& o) {
  const std::string where = place("ZeroPadding2D", o.name);
  require_channels_last(where, o.data_format);
  const auto& [height, width] = padding;
  if (const auto least = std::min({height.before, height.after, width.before, width.after}); least < 0)
    fail_expected(where, "padding of at least 0", std::to_string(least));
  return make_named<ZeroPadding2DLayer>("ZeroPadding2D", o.name, o.trainable, padding);
}

Layer UpSampling2D(Size2 size, const UpSampling2DOptions& o) {
  const std::string where = place("UpSampling2D", o.name);
  require_positive(where, "size", size);
  require_channels_last(where, o.data_format);
  if (o.interpolation != "nearest" && o.interpolation != "bilinear")
    fail_expected(where, "interpolation \"nearest\" or \"bilinear\"", "\"" + o.interpolation + "\"");
  return make_named<UpSampling2DLayer>("UpSampling2D", o.name, o.trainable, size, o.interpolation);
}

}  // namespace strata::layers
