#include "layers/dense.h"

#include "core/graph/names.h"
#include "layers/input.h"
#include "layers/registry.h"
#include "tests/layers/layer_testing.h"

namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;
using testing::run;

TEST(Input, ShapesNamesErrors) {
  const Symbol x = layers::Input({28, -1}, {.dtype = DType::u8, .name = "left"});
  EXPECT_EQ(x.shape(), Shape({open_dim, 28, open_dim}));
  EXPECT_EQ(x.dtype(), DType::u8);
  EXPECT_EQ(x.node()->input_name, "left");
  EXPECT_TRUE(layers::Input({1}).node()->input_name.starts_with("input_layer"));
  expect_error([] { layers::Input({0}, {.name = "x"}); },
               "[Input 'x'] expected positive sizes, or -1 for an open one; received [0]");
  expect_error([] { layers::Input({1}, {.name = "a/b"}); }, "cannot contain '/'");
}

TEST(Dense, ShapesAndWeights) {
  const Layer dense = layers::Dense(3, {.name = "head"});
  EXPECT_EQ(dense(layers::Input({4})).shape(), Shape({open_dim, 3}));
  ASSERT_EQ(dense.weights().size(), 2u);
  EXPECT_EQ(dense.weights()[0].path(), "head/kernel");
  EXPECT_EQ(dense.weights()[0].shape(), Shape({4, 3}));
  EXPECT_EQ(dense.weights()[1].path(), "head/bias");
  EXPECT_EQ(dense.count_params(), 15);
  EXPECT_EQ(layers::Dense(5)(layers::Input({7, 4})).shape(), Shape({open_dim, 7, 5}));
  const Layer plain = layers::Dense(2, {.use_bias = false});
  plain(layers::Input({4}));
  EXPECT_EQ(plain.weights().size(), 1u);
}

TEST(Dense, Values) {
  const Layer dense = layers::Dense(2, {.activation = "relu"});
  dense(layers::Input({3}));
  dense.set_weights({Tensor::from({3, 2}, {1.0f, -1.0f, 2.0f, 0.5f, -3.0f, 1.0f}), Tensor::from({2}, {0.5f, -0.25f})});
  expect_values(run(dense, {Tensor::from({2, 3}, {1.0f, 1.0f, 1.0f, 2.0f, 0.0f, -1.0f})}), {0.5f, 0.25f, 5.5f, 0});
  // Leading axes are rows.
  const Tensor rank_3 = run(dense, {Tensor::from({1, 2, 3}, {1.0f, 1.0f, 1.0f, 2.0f, 0.0f, -1.0f})});
  EXPECT_EQ(rank_3.shape(), Shape({1, 2, 2}));
  expect_values(rank_3, {0.5f, 0.25f, 5.5f, 0});
  // Bytes are numbers, too.
  expect_values(run(dense, {Tensor::from({1, 3}, std::vector<std::uint8_t>{200, 0, 0})}), {200.5f, 0});
}

TEST(Dense, SharedWeightsAndFreezing) {
  const Layer dense = layers::Dense(2);
  dense(layers::Input({3}));
  dense(layers::Input({3}));
  EXPECT_EQ(dense.weights().size(), 2u);
  EXPECT_EQ(dense.trainable_weights().size(), 2u);
  dense.set_trainable(false);
  EXPECT_TRUE(dense.trainable_weights().empty());
  EXPECT_EQ(dense.non_trainable_weights().size(), 2u);
  EXPECT_FALSE(layers::Dense(2, {.trainable = false}).trainable());
}

TEST(Dense, RegularizersJoinTheLoss) {
  const Layer dense = layers::Dense(1, {.kernel_initializer = "ones",
                                        .kernel_regularizer = regularizers::L2(0.5),
                                        .activity_regularizer = regularizers::L1(0.1),
                                        .kernel_constraint = constraints::MaxNorm({.max_value = 1.0})});
  const Value x = placeholder({4, 3});
  const Value y = dense(x), again = dense(x);
  const Effects effects = collect_effects({y, again});
  ASSERT_EQ(effects.losses.size(), 3u);  // the kernel's once, the activity's for each call
  EXPECT_TRUE(dense.weights()[0].constraint() != nullptr);
  std::vector<float> ones(12, 1.0f);
  Values losses;
  for (const Effects::Loss& l : effects.losses) losses.push_back(l.value);
  float total = 0;
  for (const Tensor& t : Function({x}, losses)({Tensor::from({4, 3}, ones)})) total += t.item<float>();
  EXPECT_NEAR(total, 0.5f * 3 + 2 * 0.1f * 3, 1e-6f);  // activity: 0.1 * sum of 4 outputs of 3, over 4
}

TEST(Dense, Config) {
  const Config config = layers::Dense(3, {.activation = "relu",
                                          .kernel_initializer = initializers::HeNormal({.seed = 3}),
                                          .kernel_regularizer = "l2"})
                            .config();
  EXPECT_EQ(config.at("units").as_int(), 3);
  EXPECT_EQ(config.at("activation").as_string(), "relu");
  EXPECT_TRUE(config.at("use_bias").as_bool());
  EXPECT_EQ(config.at("kernel_initializer").as_config().at("class_name").as_string(), "HeNormal");
  EXPECT_EQ(config.at("kernel_initializer").as_config().at("module").as_string(), "keras.initializers");
  EXPECT_EQ(config.at("kernel_initializer").as_config().at("config").as_config().at("seed").as_int(), 3);
  EXPECT_EQ(config.at("kernel_regularizer").as_config().at("class_name").as_string(), "L2");
  EXPECT_TRUE(config.at("bias_constraint").is_null());
}

TEST(Dense, Errors) {
  expect_error([] { layers::Dense(-1); },
               "[Dense] Received an invalid value for `units`, expected a positive integer. Received: units=-1");
  expect_error([] { layers::Dense(2, {.activation = "foo"}); },
               "Could not interpret activation function identifier: foo");
  expect_error([] { layers::Dense(2, {.kernel_initializer = "foo"}); },
               "Could not interpret initializer identifier: foo");
  expect_error([] { layers::Dense(2, {.name = "a/b"}); }, "a layer's name cannot contain '/'");
  expect_error([] { layers::Dense(2, {.name = "d"})(layers::Input({})); },
               "[Dense 'd'] expected min_ndim=2, found ndim=1; received full shape [?]");
  expect_error([] { layers::Dense(2, {.name = "d"})(layers::Input({-1})); },
               "[Dense 'd'] expected a known size along axis -1");
  const Layer dense = layers::Dense(2, {.name = "d"});
  dense(layers::Input({784}));
  expect_error(
      [&] {
        dense(placeholder({1, 10}));
      },
      "[Dense 'd'] expected axis -1 of input shape to have value 784; received an input of shape [1,10]");
  expect_error([&] { dense(layers::Input({10})); }, "received an input of shape [?,10]");
  expect_error(
      [&] {
        dense(Symbols{layers::Input({1}), layers::Input({1})});
      },
      "[Dense 'd'] expected one input; received 2");
}

struct Doubling : layers::Definition {
  Value call(Value x, Mode) override { return x * 2.0; }
};
struct Renamed : Doubling {};
template <class T>
struct Generic : Doubling {};

TEST(Registry, ClassNames) {
  EXPECT_EQ(layers::make<Doubling>().class_name(), "Doubling");
  EXPECT_EQ(layers::make<Generic<int>>().class_name(), "Generic");
  register_layer<Renamed>("Linear");
  EXPECT_EQ(layers::make<Renamed>().class_name(), "Linear");
  register_layer<Renamed>("Scale");
  EXPECT_EQ(layers::make<Renamed>().class_name(), "Scale");
  expect_error([] { register_layer<Doubling>("Scale"); }, "the name 'Scale' already stands for another class");
  expect_error([] { register_layer<Doubling>(""); }, "expected a name; received an empty one");
  reset_names();
  EXPECT_EQ(layers::make<Doubling>()(layers::Input({1})).node()->callee->name(), "doubling");
}

}  // namespace
}  // namespace strata
