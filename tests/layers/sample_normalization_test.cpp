#include "layers/sample_normalization.h"

#include "core/ops/ops.h"
#include "layers/activation_layers.h"
#include "layers/dense.h"
#include "layers/input.h"
#include "layers/merging.h"
#include "layers/spectral_normalization.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

TEST(SampleNormalization, WeightsAndErrors) {
  const Layer group = layers::GroupNormalization({.groups = 2, .name = "g"});
  EXPECT_EQ(group(layers::Input({3, 3, 4})).shape(), Shape({open_dim, 3, 3, 4}));
  EXPECT_EQ(group.weights()[0].path(), "g/gamma");
  EXPECT_EQ(group.weights()[1].shape(), Shape({4}));
  EXPECT_EQ(layers::GroupNormalization({.groups = -1})(layers::Input({-1, 3})).shape(), Shape({open_dim, open_dim, 3}));
  expect_error([] { layers::GroupNormalization()(layers::Input({4})); },
               "Number of groups (32) cannot be more than the number of channels (4).");
  expect_error([] { layers::GroupNormalization({.groups = 3})(layers::Input({4})); }, "must divide the number of channels (4)");
  expect_error([] { layers::GroupNormalization({.groups = 0}); }, "Received: groups=0");
  expect_error([] { layers::GroupNormalization({.groups = 2})(layers::Input({-1})); }, "expected a known size along axis");
  const Layer rms = layers::RMSNormalization({.name = "rms"});
  rms(layers::Input({4}));
  EXPECT_EQ(rms.weights()[0].path(), "rms/scale");
  expect_error([&] { rms(layers::Input({5})); }, "expected axis 1 of input shape to have value 4");
  expect_error([] { layers::UnitNormalization({.axis = 3, .name = "u"})(layers::Input({4})); }, "[UnitNormalization 'u']");
}

TEST(SampleNormalization, AZeroVectorStaysZero) {
  expect_values(run(layers::UnitNormalization(), {Tensor::from({2, 2}, {0.0f, 0.0f, 3.0f, 4.0f})}), {0, 0, 0.6f, 0.8f});
}

TEST(PReLU, SharedAxes) {
  const Layer layer = layers::PReLU({.shared_axes = {1, 2}, .name = "p"});
  EXPECT_EQ(layer(layers::Input({-1, -1, 3})).shape(), Shape({open_dim, open_dim, open_dim, 3}));
  EXPECT_EQ(layer.weights()[0].shape(), Shape({1, 1, 3}));
  expect_error([&] { layer(layers::Input({2, 2, 4})); }, "expected axis 3 of input shape to have value 3");
  expect_error([] { layers::PReLU()(layers::Input({-1})); }, "expected a known size along axis 1");
  expect_error([] { layers::PReLU({.shared_axes = {0}}); }, "expected shared_axes of at least 1; received 0");
  expect_error([] { layers::PReLU({.shared_axes = {2}})(layers::Input({3})); }, "expected shared_axes below the input's rank 2");
}

TEST(Dot, ShapesAndErrors) {
  const Symbol a = layers::Input({2, 4}), b = layers::Input({3, 4});
  EXPECT_EQ(layers::Dot(2)({a, b}).shape(), Shape({open_dim, 2, 3}));
  EXPECT_EQ(layers::Dot(-1)({layers::Input({4}), layers::Input({4})}).shape(), Shape({open_dim, 1}));
  expect_error([&] { layers::Dot(1, {.name = "d"})({a, b}); },
               "[Dot 'd'] Incompatible input shapes: axis values 2 (at axis 1) != 3 (at axis 1). Full input shapes: (None, 2, "
               "4), (None, 3, 4)");
  expect_error([&] { layers::Dot(2)({a, b, b}); }, "should be called on exactly 2 inputs. Received: 3 inputs");
  expect_error([&] { layers::Dot(0)({a, a}); }, "expected axes behind the batch");
  expect_error([] { layers::Dot({1, 2, 1}); }, "it should contain two elements. Received: axes=(1, 2, 1)");
}

// Numbers by Keras 3.15.1: SpectralNormalization(Dense(2), power_iterations=2), sum(y * y).
TEST(SpectralNormalization, TrainsAsKerasDoes) {
  const Layer dense = layers::Dense(2, {.name = "dense"});
  const Layer layer = layers::SpectralNormalization(dense, {.power_iterations = 2, .name = "spectral"});
  const Tensor input = Tensor::from({2, 3}, {1.0f, 2.0f, -1.0f, 0.5f, -1.0f, 2.0f});
  const Value x = placeholder({2, 3});
  layer(x);
  dense.set_weights({Tensor::from({3, 2}, {0.5f, -1.0f, 2.0f, 0.25f, -0.75f, 1.5f}), Tensor::from({2}, {0.1f, -0.2f})});
  layer.base().own_weights().back().storage().copy_from(Tensor::from({1, 2}, {0.6f, -0.3f}));
  expect_values(run(layer, {input}), {5.35f, -2.2f, -3.15f, 2.05f}, 1e-5f);
  const Value y = layer(x, Mode::train);
  const Tensors results = Function({x}, {y, gradients(sum(square(y)), {dense.weights()[0]})[0]})({input});
  expect_values(results[0], {2.3562503f, -1.0595241f, -1.2967266f, 0.7669645f}, 1e-5f);
  expect_values(results[1], {3.4157739f, -1.3520837f, 12.018455f, -5.772025f, -9.899407f, 5.186906f}, 1e-4f);
  expect_values(dense.weights()[0].value(), {0.214881f, -0.429762f, 0.859524f, 0.1074405f, -0.3223215f, 0.644643f}, 1e-5f);
  expect_values(layer.base().own_weights().back().value(), {0.884935f, -0.4657145f}, 1e-5f);
}

TEST(SpectralNormalization, CountsTheKernelAsItsOwnFirstAndOnce) {
  const Layer dense = layers::Dense(2);
  const Layer layer = layers::SpectralNormalization(dense);
  layer(placeholder({2, 3}));
  const auto names = [](const Variables& variables) {
    std::string all;
    for (const Variable& v : variables) all += v.name() + " ";
    return all;
  };
  EXPECT_EQ(names(layer.weights()), "kernel vector_u bias ");
  EXPECT_EQ(names(layer.trainable_weights()), "kernel bias ");
  EXPECT_EQ(names(layer.non_trainable_weights()), "vector_u ");
  EXPECT_EQ(names(dense.weights()), "kernel bias ");
  EXPECT_EQ(layer.count_params(), 10);
  layer.set_trainable(false);
  EXPECT_EQ(names(layer.non_trainable_weights()), "kernel vector_u bias ");
}

TEST(SpectralNormalization, Errors) {
  expect_error([] { layers::SpectralNormalization(layers::ReLU(), {.name = "s"})(layers::Input({3})); },
               "[SpectralNormalization 's'] ReLU object has no attribute 'kernel' nor 'embeddings'");
  expect_error([] { layers::SpectralNormalization(layers::Dense(2), {.power_iterations = 0}); }, "should be greater than zero");
  expect_error([] { layers::SpectralNormalization(Layer()); }, "expected a layer; received an empty handle");
}

}  // namespace
}  // namespace strata
