#include <gtest/gtest.h>
#include <strata/strata.h>

#include "tests/support/messages.h"

namespace strata {
namespace {

TEST(Sequential, SummaryIsKerasTable) {
  reset_names();
  Sequential model({layers::Input({4}), layers::Dense(3, {.activation = "relu"}), layers::Dense(1)});
  const std::string expected =
      "Model: \"sequential\"\n"
      "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓\n"
      "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃\n"
      "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩\n"
      "│ dense (Dense)                   │ (None, 3)              │            15 │\n"
      "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
      "│ dense_1 (Dense)                 │ (None, 1)              │             4 │\n"
      "└─────────────────────────────────┴────────────────────────┴───────────────┘\n"
      " Total params: 19 (76.00 B)\n"
      " Trainable params: 19 (76.00 B)\n"
      " Non-trainable params: 0 (0.00 B)\n";
  EXPECT_EQ(model.summary_text({.line_length = 76}), expected);
}

TEST(Sequential, IsBuiltFromDataWithoutInput) {
  Sequential model({layers::Dense(3), layers::Dense(2)});
  EXPECT_NE(model.summary_text({.line_length = 76}).find("0 (unbuilt)"), std::string::npos);
  const Tensor out = model.predict(zeros({5, 4}));
  EXPECT_EQ(out.shape(), Shape({5, 2}));
  EXPECT_EQ(model.count_params(), 4 * 3 + 3 + 3 * 2 + 2);
}

TEST(Sequential, RefusesEqualNames) {
  EXPECT_ERROR(Sequential({layers::Input({4}), layers::Dense(3, {.name = "a"}), layers::Dense(3, {.name = "a"})}),
               "unique names. Name 'a' is already");
}

TEST(Model, OrdersLayersAsKerasDoes) {
  // Main path before shortcut at equal depth, whatever was made first (keras.md C.5).
  Symbol in = layers::Input({8}, {.name = "in"});
  Symbol shortcut = layers::Dense(4, {.name = "shortcut"})(in);
  Symbol main = layers::Dense(4, {.name = "main_2"})(layers::Dense(4, {.name = "main_1"})(in));
  Model model({in}, {layers::Add({.name = "join"})({main, shortcut})});
  std::string order;
  for (const Layer& layer : model.layers()) order += layer.name() + " ";
  EXPECT_EQ(order, "main_1 main_2 shortcut join ");
}

TEST(Model, RefusesADisconnectedGraph) {
  Symbol a = layers::Input({4}, {.name = "a"}), b = layers::Input({4}, {.name = "b"});
  EXPECT_ERROR(Model({a}, {layers::Add()({layers::Dense(4)(a), layers::Dense(4)(b)})}), "not connected to `inputs`");
}

TEST(Model, RefusesDuplicateNames) {
  Symbol in = layers::Input({4});
  Symbol x = layers::Dense(4, {.name = "twin"})(in);
  EXPECT_ERROR(Model({in}, {layers::Dense(4, {.name = "twin"})(x)}), "\"twin\" is used 2 times");
}

TEST(Model, FindsLayers) {
  Sequential model({layers::Input({4}), layers::Dense(3, {.name = "first"}), layers::Dense(1, {.name = "last"})});
  EXPECT_EQ(model.get_layer("last").name(), "last");
  EXPECT_EQ(model.get_layer(0).name(), "first");
  EXPECT_EQ(model.get_layer(-1).name(), "last");
  EXPECT_ERROR(model.get_layer("middle"), "No such layer: middle. Existing layers are: ['first', 'last']");
  EXPECT_ERROR(model.get_layer(7), "model only has 2 layers");
}

TEST(Model, IndicesCountTheInputsOfAFunctionalModel) {
  Symbol in = layers::Input({4}, {.name = "in"});
  Model model({in}, {2.0f * layers::Dense(3, {.name = "first"})(in)});
  EXPECT_EQ(model.get_layer(1).name(), "first");
  EXPECT_EQ(model.get_layer(-1).name(), "first");
  EXPECT_ERROR(model.get_layer(0), "index 0 is an input of model");
  EXPECT_ERROR(model.get_layer(2), "index 2 but model only has 2 layers");  // an operation is no layer
  Model tail({model.get_layer("first").output()}, {model.outputs()});
  EXPECT_ERROR(tail.get_layer(0), "index 0 is an input of model");
}

TEST(Sequential, PopsItsLastLayer) {
  const Layer first = layers::Dense(3, {.name = "first"}), last = layers::Dense(2, {.name = "last"});
  Sequential model({layers::Input({4}), first, last});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = random::normal({5, 4});
  EXPECT_EQ(Tensor(model.predict(x)).shape(), Shape({5, 2}));
  EXPECT_EQ(model.pop(), last);
  EXPECT_EQ(Tensor(model.predict(x)).shape(), Shape({5, 3}));
  EXPECT_FALSE(model.compiled());
  model.add(layers::Dense(7, {.name = "last"}));
  EXPECT_EQ(Tensor(model.predict(x)).shape(), Shape({5, 7}));
  model.pop();
  EXPECT_EQ(model.pop(), first);
  EXPECT_ERROR(model.pop(), "There are no layers in the model.");
  model.add(first);
  model.add(last);
  EXPECT_EQ(Tensor(model.predict(x)).shape(), Shape({5, 2}));
}

TEST(Sequential, PopsBeforeItIsBuilt) {
  Sequential model({layers::Dense(3), layers::Dense(2)});
  model.pop();
  EXPECT_EQ(Tensor(model.predict(ones({5, 4}))).shape(), Shape({5, 3}));
}

std::string paths_of(const Model& model) {
  std::string paths;
  for (const Variable& v : model.weights()) paths += v.path() + " ";
  return paths;
}

// Paths by Keras 3.15.1.
TEST(Model, WeightsAreNamedByTheSequentialAroundThem) {
  const auto dense = [](const char* name) { return layers::Dense(2, {.use_bias = false, .name = name}); };
  const Symbol in = layers::Input({3});
  EXPECT_EQ(paths_of(Sequential({in, Sequential({dense("a")}, "inner"), dense("b")}, "outer")), "outer/inner/a/kernel outer/b/kernel ");
  EXPECT_EQ(paths_of(Sequential({Sequential({layers::Input({3}), dense("a")}, "inner"), dense("b")}, "outer")),
            "inner/a/kernel outer/b/kernel ");
  EXPECT_EQ(paths_of(Model({in}, {Sequential({dense("a")}, "inner")(in)})), "inner/a/kernel ");
  EXPECT_EQ(paths_of(Sequential({Model({in}, {dense("a")(in)}, "inner"), dense("b")}, "outer")), "a/kernel outer/b/kernel ");
  Sequential late({dense("a")}, "late");
  late.predict(ones({2, 3}));
  EXPECT_EQ(paths_of(late), "late/a/kernel ");
  EXPECT_EQ(paths_of(model_from_json(late.to_json())), "late/a/kernel ");
  const Layer wrapped = layers::SpectralNormalization(layers::Dense(2, {.name = "a"}), {.name = "wrapper"});
  EXPECT_EQ(paths_of(Sequential({in, wrapped}, "outer")),
            "outer/wrapper/a/kernel outer/wrapper/vector_u outer/wrapper/a/bias ");
}

// Names by Keras 3.15.1.
TEST(Model, LogsOfALayerThatIsSeveralOutputs) {
  const Symbol in = layers::Input({3});
  const Layer shared = layers::Dense(3, {.name = "d"});
  const Symbol once = shared(in), twice = shared(once);
  Model model({in}, {once, twice}), last({in}, {twice});
  EXPECT_EQ(model.output_names(), (std::vector<std::string>{"d", "d_1"}));
  const Metric mae = metrics::MeanAbsoluteError({.name = "mae"});
  model.compile({.optimizer = "sgd", .loss = "mse", .metrics = {{"d", {mae, mae}}, {"d_1", {mae}}},
                 .weighted_metrics = {{"d", {mae}}, {"d_1", {mae}}}});
  last.compile({.optimizer = "sgd", .loss = "mse", .metrics = {mae}});
  const Tensor x = random::normal({4, 3}), y = random::normal({4, 3});
  const Logs logs = model.test_on_batch(x, {y, y}), expected = last.test_on_batch(x, y);
  EXPECT_EQ(logs.items().size(), 7u);
  EXPECT_NEAR(logs["d_loss"], expected["loss"], 1e-6);
  EXPECT_EQ(logs["d_mae"], logs["d_mae_1"]);
  EXPECT_NEAR(logs["d_mae_2"], expected["mae"], 1e-6);
  EXPECT_EQ(logs["d_weighted_mae"], logs["d_mae"]);
  EXPECT_NEAR(logs["d_weighted_mae_1"], expected["mae"], 1e-6);
}

TEST(Model, OneLossAmongSeveralOutputsIsTheLoss) {
  const Symbol in = layers::Input({3});
  Model model({in}, {layers::Dense(1, {.name = "a"})(in), layers::Dense(1, {.name = "b"})(in)});
  model.compile({.optimizer = "sgd", .loss = LossSpec::from_items({{"a", Loss("mse")}})});
  EXPECT_EQ(model.test_on_batch(ones({4, 3}), {ones({4, 1}), ones({4, 1})}).items().size(), 1u);
}

TEST(Model, SharesWeightsOfALayerCalledTwice) {
  Symbol a = layers::Input({4}), b = layers::Input({4});
  const Layer shared = layers::Dense(3);
  Model model({a, b}, {layers::Subtract()({shared(a), shared(b)})});
  EXPECT_EQ(model.count_params(), 4 * 3 + 3);
  const Tensor x = random::normal({2, 4});
  const Tensor difference = model.predict({x, x});
  for (float v : difference.data<float>()) EXPECT_EQ(v, 0.0f);
}

TEST(Model, NestsAndFreezes) {
  Symbol probe = layers::Input({4});
  Model inner({probe}, {layers::Dense(3)(layers::BatchNormalization()(probe))}, "inner");
  Symbol in = layers::Input({4});
  Model outer({in}, {layers::Dense(1)(inner(in))});
  EXPECT_EQ(outer.weights().size(), 8u);
  EXPECT_EQ(outer.trainable_weights().size(), 6u);
  inner.set_trainable(false);
  EXPECT_EQ(outer.trainable_weights().size(), 2u);

  outer.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensors before = inner.get_weights();
  outer.fit(random::normal({32, 4}), random::normal({32, 1}), {.epochs = 2, .verbose = 0});
  const Tensors after = inner.get_weights();
  for (std::size_t i = 0; i < before.size(); ++i)
    for (std::int64_t k = 0; k < before[i].size(); ++k) EXPECT_EQ(before[i].at<float>(k), after[i].at<float>(k)) << i;
}

TEST(Model, BuildsFromTheMiddleOfAnother) {
  Symbol in = layers::Input({4});
  Symbol hidden = layers::Dense(3, {.name = "hidden"})(in);
  Model whole({in}, {layers::Dense(1)(hidden)});
  Model features({whole.inputs()}, {whole.get_layer("hidden").output()});
  EXPECT_EQ(Tensor(features.predict(zeros({2, 4}))).shape(), Shape({2, 3}));
}

TEST(Model, OpsBetweenSymbolsBecomeLayers) {
  Symbol in = layers::Input({4});
  Model model({in}, {2.0f * in + 1.0f});
  const Tensor out = model.predict(ones({3, 4}));
  for (float v : out.data<float>()) EXPECT_EQ(v, 3.0f);
}

TEST(Model, SetWeightsChecksFirst) {
  Sequential model({layers::Input({4}), layers::Dense(3)});
  EXPECT_ERROR(model.set_weights({zeros({4, 3})}), "length 1, but the layer was expecting 2");
  EXPECT_ERROR(model.set_weights({zeros({4, 4}), zeros({3})}), "(4, 3)");
}

}  // namespace
}  // namespace strata
