#include "layers/einsum_dense.h"

#include <algorithm>
#include <cmath>

#include "layers/embedding.h"
#include "layers/input.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

TEST(EinsumDense, ShapesOfSymbolsAndWeights) {
  const Layer heads = layers::EinsumDense("abc,cde->abde", {-1, 3, 2}, {.bias_axes = "de", .name = "heads"});
  EXPECT_EQ(heads(layers::Input({4, 5})).shape(), Shape({open_dim, 4, 3, 2}));
  EXPECT_EQ(heads.weights()[0].path(), "heads/kernel");
  EXPECT_EQ(heads.weights()[0].shape(), Shape({5, 3, 2}));
  EXPECT_EQ(heads.weights()[1].shape(), Shape({3, 2}));
  const Layer dots = layers::EinsumDense("...x,xy->...y", {6});
  EXPECT_EQ(dots(layers::Input({4, 3, 5})).shape(), Shape({open_dim, 4, 3, 6}));
  EXPECT_EQ(dots.weights().size(), 1u);
  const Layer right = layers::EinsumDense("ab...,bc->ac...", {6}, {.bias_axes = "c"});
  EXPECT_EQ(right(layers::Input({5, 7})).shape(), Shape({open_dim, 6, 7}));
  EXPECT_EQ(right.weights()[1].shape(), Shape({6, 1}));
}

TEST(EinsumDense, OpenAxesStayOpen) {
  EXPECT_EQ(layers::EinsumDense("abc,cd->abd", {-1, 2})(layers::Input({-1, 5})).shape(), Shape({open_dim, open_dim, 2}));
}

// The equation says which axes are inputs: 20 of them and 1500 outputs here.
TEST(EinsumDense, InitializersGetTheFansOfTheEquation) {
  const Layer layer = layers::EinsumDense("abc,cde->abde", {-1, 30, 50}, {.kernel_initializer = initializers::GlorotUniform({.seed = 3})});
  layer(layers::Input({2, 20}));
  const auto values = layer.weights()[0].value().data<float>();
  EXPECT_NEAR(*std::ranges::max_element(values), std::sqrt(6.0 / 1520), 1e-4);
}

TEST(EinsumDense, Errors) {
  expect_error([] { layers::EinsumDense("ab,bc", {3}, {.name = "e"}); }, "[EinsumDense 'e'] Invalid einsum equation 'ab,bc'");
  expect_error([] { layers::EinsumDense("...ab,bc->ac", {3}); }, "Invalid einsum equation");
  expect_error([] { layers::EinsumDense("aa,ac->ac", {3}); }, "without a letter twice");
  expect_error([] { layers::EinsumDense("ab,bc->ad", {3}); }, "Dimension 'd' was specified in the output 'ad'");
  expect_error([] { layers::EinsumDense("ab,bcd->ac", {3}); }, "Weight dimension 'd' did not have a match");
  expect_error([] { layers::EinsumDense("ab,bc->ac", {3}, {.bias_axes = "b"}); }, "Bias dimension 'b' was requested");
  expect_error([] { layers::EinsumDense("abc,cd->abd", {7, 3})(layers::Input({4, 5})); },
               "Input shape and output shape do not match at shared dimension 'b'. Input shape is 4, and output shape is 7.");
  expect_error([] { layers::EinsumDense("ab,bc->ac", {3})(layers::Input({4, 5})); }, "an input of rank 3");
  expect_error([] { layers::EinsumDense("ab,bc->ac", {3, 4})(layers::Input({4})); }, "an output_shape for 'ac'");
  expect_error([] { layers::EinsumDense("ab,bc->ac", {3})(layers::Input({-1})); }, "a known size of dimension 'b'");
  const Layer built = layers::EinsumDense("ab,bc->ac", {3});
  built(layers::Input({4}));
  expect_error([&] { built(layers::Input({5})); }, "expected axis 1 of input shape to have value 4");
}

TEST(ReversibleEmbedding, LeadsBack) {
  const Layer layer = layers::ReversibleEmbedding(3, 2, {.logit_soft_cap = 2.0, .name = "words"});
  const Tensor x = Tensor::from({1, 2}, {1.0f, -1.0f});
  const auto back = [&] {
    const Value v = placeholder({1, 2});
    return Function({v}, {layers::reverse(layer, v)})({x})[0];
  };
  expect_error(back, "[ReversibleEmbedding 'words'] has no table yet");
  const Symbol vectors = layer(layers::Input({4}, {.dtype = DType::i32}));
  EXPECT_EQ(layers::reverse(layer, vectors).shape(), Shape({open_dim, 4, 3}));
  layer.set_weights({Tensor::from({3, 2}, {1.0f, 2.0f, 3.0f, -1.0f, 0.0f, 0.5f})});
  expect_values(back(), {-0.9242343f, 1.9280552f, -0.4898373f});  // Keras 3.15.1
  const Layer untied = layers::ReversibleEmbedding(3, 2, {.tie_weights = false});
  untied(layers::Input({4}, {.dtype = DType::i32}));
  EXPECT_EQ(untied.weights()[1].shape(), Shape({2, 3}));
  expect_error([&] { layers::reverse(layers::Embedding(3, 2), vectors); }, "expected a ReversibleEmbedding layer; received a Embedding");
}

}  // namespace
}  // namespace strata
