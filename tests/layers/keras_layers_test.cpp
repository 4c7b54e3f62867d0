#include <algorithm>
#include <numeric>

#include "core/base/json.h"
#include "core/ops/ops.h"
#include "layers/registry.h"
#include "tests/layers/keras_layer_cases.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::KerasArray;
using testing::KerasLayerCase;

Tensor tensor_of(const KerasArray& a, DType dtype = DType::f32) { return cast(Tensor::from(a.shape, a.values), dtype); }

void expect_near(const Tensor& got, const KerasArray& wanted, const std::string& what, float tolerance) {
  ASSERT_EQ(got.shape(), wanted.shape) << what;
  for (std::size_t i = 0; i < wanted.values.size(); ++i)
    ASSERT_NEAR(got.at<float>(static_cast<std::int64_t>(i)), wanted.values[i], tolerance * (1 + std::abs(wanted.values[i])))
        << what << " at " << i;
}

/// Output, then the gradients of sum(y * linspace(0.5, 1.5)) by floating inputs and trainable weights.
Tensors compute(const Layer& layer, const KerasLayerCase& c) {
  const DType dtype = c.integers ? DType::i32 : DType::f32;
  Values places;
  Tensors inputs;
  for (const KerasArray& input : c.inputs) {
    inputs.push_back(tensor_of(input, dtype));
    places.push_back(placeholder(input.shape, dtype));
  }
  const Values y = layer(places);
  Variables weights = layer.weights();
  std::erase_if(weights, [](const Variable& v) { return v.name() == "count"; });
  EXPECT_EQ(weights.size(), c.weights.size());
  for (std::size_t i = 0; i < std::min(weights.size(), c.weights.size()); ++i) weights[i].assign(tensor_of(c.weights[i]));
  Values outputs{y[0]}, by;
  if (!c.integers) by = places;
  for (const Variable& v : layer.trainable_weights()) by.emplace_back(v);
  if (!c.gradients.empty()) {
    const Tensor slopes = linspace(0.5, 1.5, y[0].shape().elements());
    const Value total = sum(reshape(cast(y[0], DType::f32), {y[0].shape().elements()}) * constant(slopes));
    for (const Value& g : gradients(total, by))
      if (g) outputs.push_back(g);  // a weight that only serves the way back has none
  }
  return Function(places, outputs)(inputs);
}

/// TensorFlow rounds positions within a pixel to 1/1024 for "bicubic" without antialiasing.
float tolerance_of(const std::string& config) {
  return config.find("bicubic") != std::string::npos && config.find("UpSampling") != std::string::npos ? 2e-3f : 2e-5f;
}

// The configs are read as Keras wrote them; what is computed is what Keras computed.
TEST(KerasLayers, ReadConfigsAndComputeWhatKerasComputes) {
  for (const KerasLayerCase& c : testing::keras_layer_cases()) {
    Layer layer;
    from_config(parse_json(c.config, "test"), layer);
    const Tensors results = compute(layer, c);
    expect_near(results[0], c.output, c.config, tolerance_of(c.config));
    ASSERT_EQ(results.size(), c.gradients.size() + 1) << c.config;
    for (std::size_t i = 0; i < c.gradients.size(); ++i)
      expect_near(results[i + 1], c.gradients[i], std::string(c.config) + " gradient " + std::to_string(i), tolerance_of(c.config));
  }
}

}  // namespace
}  // namespace strata
