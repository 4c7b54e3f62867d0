// Convolution and pooling layers as files hold them, against Keras: outputs, gradients, and what they write.

#include "tests/layers/convolution_values.h"

#include <algorithm>

#include "core/base/json.h"
#include "core/graph/gradients.h"
#include "core/ops/ops.h"
#include "layers/registry.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using convolution_values::Case;
using testing::expect_error;

Tensor numbers(const Shape& shape, std::int64_t step, std::int64_t first, std::int64_t modulus) {
  std::vector<float> v(static_cast<std::size_t>(shape.elements()));
  std::int64_t i = 0;
  for (float& x : v)
    x = static_cast<float>(static_cast<double>((step * i++ + first) % modulus) / static_cast<double>(modulus) - 0.5);
  return Tensor::from(shape, v);
}

Tensor factors(const Shape& shape) { return numbers(shape, 29, 7, 97); }

double summed(const Tensor& t) {
  return sum(cast(t, DType::f64) * cast(factors(t.shape()), DType::f64)).item<double>();
}

Layer layer_of(const std::string& json) {
  Layer layer;
  from_config(parse_json(json, "test"), layer);
  return layer;
}

TEST(ConvolutionValues, OutputsAndGradientsAgreeWithKeras) {
  for (const Case& c : convolution_values::cases) {
    SCOPED_TRACE(c.layer);
    const Layer layer = layer_of(c.layer);
    const Value x = placeholder(c.input);
    layer(x);
    Tensors weights;
    for (const Variable& v : layer.weights()) {
      const auto k = static_cast<std::int64_t>(weights.size());
      weights.push_back(numbers(v.shape(), 389, 100 * k + 205, 1009));
    }
    layer.set_weights(weights);
    const Value y = layer(x);
    ASSERT_EQ(y.shape(), c.output);
    Values wrt{x};
    for (const Variable& v : layer.weights()) wrt.emplace_back(v);
    Values results{y};
    for (const Value& g : gradients(sum(y * constant(factors(y.shape()))), wrt)) results.push_back(g);
    const Tensors got = Function({x}, results)({numbers(c.input, 389, 105, 1009)});
    for (std::size_t i = 0; i < c.sums.size(); ++i)
      EXPECT_NEAR(summed(got[i]), c.sums[i], 1e-5 * std::max(1.0, std::abs(c.sums[i]))) << "sum " << i;
  }
}

TEST(ConvolutionValues, ConfigsRemakeTheLayer) {
  for (const Case& c : convolution_values::cases) {
    const ConfigValue written = to_config(layer_of(c.layer));
    Layer again;
    from_config(written, again);
    EXPECT_EQ(to_json(to_config(again)), to_json(written));
    // What the file said is what is written.
    const ConfigValue given = parse_json(c.layer, "test");
    for (const auto& [key, value] : given.as_config().at("config").as_config().items())
      EXPECT_EQ(to_json(written.as_config().at("config").as_config().at(key)), to_json(value)) << c.layer << key;
  }
}

TEST(ConvolutionValues, WriteTheArgumentsThatKerasWrites) {
  for (const Case& c : convolution_values::cases) {
    const Layer layer = layer_of(c.layer);
    const Config config = layer.config();
    std::vector<std::string> keys, expected;
    for (const auto& [key, value] : config.items()) keys.push_back(key);
    for (const auto& [classes, arguments] : convolution_values::written)
      if (std::ranges::count(classes, layer.class_name()) > 0) expected = arguments;
    std::ranges::sort(keys);
    std::ranges::sort(expected);
    EXPECT_EQ(keys, expected) << layer.class_name();
  }
}

TEST(ConvolutionValues, NamesOfKeras) {
  for (const char* name : {"Convolution1D",
                           "Convolution2D",
                           "Convolution3D",
                           "Convolution1DTranspose",
                           "Convolution2DTranspose",
                           "Convolution3DTranspose",
                           "SeparableConvolution1D",
                           "SeparableConvolution2D",
                           "MaxPool1D",
                           "MaxPool2D",
                           "MaxPool3D",
                           "AvgPool1D",
                           "AvgPool2D",
                           "AvgPool3D",
                           "GlobalMaxPool1D",
                           "GlobalMaxPool2D",
                           "GlobalMaxPool3D",
                           "GlobalAvgPool1D",
                           "GlobalAvgPool2D",
                           "GlobalAvgPool3D"})
    EXPECT_TRUE(is_layer_name(name)) << name;
}

// Keras 2.15 writes arguments that these classes do not have, and that Keras 3 refuses.
TEST(ConvolutionValues, ReadsWhatKeras2Writes) {
  const std::string common = R"("kernel_size": [3, 3], "strides": [2, 2], "padding": "valid", "dilation_rate": [1, 1],
      "data_format": "channels_last", "groups": 1, "activation": "linear", "use_bias": true, "dtype": "float32",
      "bias_initializer": {"class_name": "Zeros", "config": {}}, "bias_regularizer": null, "trainable": true,
      "activity_regularizer": null, "bias_constraint": null, "batch_input_shape": [null, 8, 8, 2])";
  const std::string kernel = R"("kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": null}},
      "kernel_regularizer": null, "kernel_constraint": null)";
  const auto read = [&](const std::string& class_name, const std::string& own) {
    return layer_of(R"({"class_name": ")" + class_name + R"(", "config": {"name": "old", )" + common + ", " + own +
                    "}}");
  };
  const Layer depthwise = read("DepthwiseConv2D", R"("depth_multiplier": 2, "depthwise_initializer": "ones",
      "depthwise_regularizer": null, "depthwise_constraint": null)");
  EXPECT_EQ(depthwise.config().at("depth_multiplier").as_int(), 2);
  EXPECT_FALSE(depthwise.config().contains("groups"));
  const Layer transpose = read("Conv2DTranspose", R"("filters": 2, "output_padding": null, )" + kernel);
  EXPECT_FALSE(transpose.config().contains("groups"));
  const Layer separable = read("SeparableConv2D", R"("filters": 3, "depth_multiplier": 1, "pointwise_constraint": null,
      "depthwise_initializer": {"class_name": "GlorotUniform", "config": {"seed": null}}, )" +
                                                      kernel);
  EXPECT_FALSE(separable.config().contains("groups"));
  EXPECT_FALSE(separable.config().contains("kernel_initializer"));
}

TEST(ConvolutionValues, ErrorsOfConfigs) {
  expect_error([] { layer_of(R"({"class_name": "Conv1D", "config": {"name": "c", "filters": 2}})"); },
               "[Conv1D 'c'] the config lacks the argument `kernel_size`");
  expect_error([] { layer_of(R"({"class_name": "MaxPooling1D", "config": {"pool_size": [2, 2]}})"); },
               "[MaxPooling1D] argument `pool_size`: expected an integer or a list of one integer; received [2, 2]");
  expect_error([] { layer_of(R"({"class_name": "Conv3D", "config": {"filters": 2, "kernel_size": [1, "2", 3]}})"); },
               "[Conv3D] argument `kernel_size`: ");
  expect_error([] { layer_of(R"({"class_name": "DepthwiseConv1D", "config": {"kernel_size": 3, "groups": 2}})"); },
               "[DepthwiseConv1D] argument `groups`: only 1 is supported; received 2");
  expect_error([] { layer_of(R"({"class_name": "GlobalMaxPooling3D", "config": {"axes": 1}})"); },
               "Unrecognized keyword arguments: {'axes': 1}");
  expect_error(
      [] {
        layer_of(R"({"class_name": "Conv1D", "config": {"filters": 1, "kernel_size": 1,
                        "data_format": "channels_first"}})");
      },
      "expected data_format 'channels_last'");
}

}  // namespace
}  // namespace strata
