#include "models/saving/hdf5_file.h"
#include "tests/models/saving/saving_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using testing::expect_equal;

class Legacy : public testing::TemporaryFolder {
 protected:
  /// Weights alone in Keras 1's spelling: one layer "dense_1" of 2 inputs and 3 outputs, and one without weights.
  void write_old_weights() const {
    const auto out = Hdf5File::create(file("w.h5"));
    out->write_texts("", "layer_names", {"flatten_1", "dense_1"}, Hdf5Text::fixed_ascii);
    out->create_group("flatten_1");
    out->write_texts("flatten_1", "weight_names", {}, Hdf5Text::fixed_ascii);
    out->write("dense_1/dense_1_W:0", Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
    out->write("dense_1/dense_1_b:0", Tensor::from<float>({3}, {7, 8, 9}));
    out->write_texts("dense_1", "weight_names", {"dense_1_W:0", "dense_1_b:0"}, Hdf5Text::variable_ascii);
    out->close();
  }

  static void write_layers(Hdf5File& out, const std::vector<std::pair<std::string, Tensors>>& layers) {
    std::vector<std::string> names;
    for (const auto& [layer, weights] : layers) {
      std::vector<std::string> own;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        own.push_back("w" + std::to_string(i));
        out.write("model_weights/" + layer + "/" + own.back(), weights[i]);
      }
      out.write_texts("model_weights/" + layer, "weight_names", own, Hdf5Text::variable_ascii);
      names.push_back(layer);
    }
    out.write_texts("model_weights", "layer_names", names, Hdf5Text::variable_ascii);
  }

  /// A metric as tf.keras stores one that was given as a name.
  static std::string wrapped(const std::string& name, const std::string& function) {
    return R"({"class_name": "MeanMetricWrapper", "config": {"name": ")" + name + R"(", "dtype": "float32", "fn": ")" +
           function + R"("}})";
  }

  /// b.h5: the model as tf.keras 2.15 writes it, compiled with these metrics.
  void write_with_metrics(const Model& model, const std::string& metrics) const {
    model.save(file("a.h5"));
    const auto in = Hdf5File::open(file("a.h5"));
    Config training = parse_json(in->read_text("", "training_config"), "a.h5").as_config();
    training.set("metrics", parse_json(metrics, "metrics"));
    const auto out = Hdf5File::create(file("b.h5"));
    out->write_text("", "model_config", in->read_text("", "model_config"), Hdf5Text::variable_ascii);
    out->write_text("", "training_config", to_json(training), Hdf5Text::variable_ascii);
    out->write_text("", "keras_version", "2.15.0", Hdf5Text::variable_utf8);
    std::vector<std::pair<std::string, Tensors>> stored;
    for (const Layer& layer : model.layers())
      if (!layer.get_weights().empty()) stored.emplace_back(layer.name(), layer.get_weights());
    write_layers(*out, stored);
    out->close();
  }

  /// b.h5: a model of one layer of 2 inputs and 1 output, its optimizer after 5 steps. Slots are named `names`, kernel
  /// and bias taking turns, and hold 1, 2, ...
  void write_with_optimizer(const std::string& optimizer, const std::vector<std::string>& names) const {
    Sequential model({layers::Input({2}), layers::Dense(1, {.name = "d"})});
    model.compile({.optimizer = optimizer, .loss = "mse"});
    model.save(file("a.h5"));
    const auto in = Hdf5File::open(file("a.h5"));
    const auto out = Hdf5File::create(file("b.h5"));
    for (const std::string text : {"model_config", "training_config"})
      out->write_text("", text, in->read_text("", text), Hdf5Text::variable_ascii);
    write_layers(*out, {{"d", {zeros({2, 1}), zeros({1})}}});
    out->create_group("optimizer_weights");
    out->write_texts("optimizer_weights", "weight_names", names, Hdf5Text::variable_ascii);
    out->write("optimizer_weights/" + names[0], Tensor::scalar<std::int64_t>(5));
    for (std::size_t i = 1; i < names.size(); ++i)
      out->write("optimizer_weights/" + names[i], full(i % 2 == 1 ? Shape{2, 1} : Shape{1}, static_cast<double>(i)));
    out->close();
  }
};

Sequential one_dense(const std::string& name = "d", std::int64_t units = 3) {
  return Sequential({layers::Input({2}), layers::Flatten(), layers::Dense(units, {.name = name})}, "model");
}

TEST_F(Legacy, WeightsAloneGoByOrderWhateverTheirNames) {
  write_old_weights();
  Sequential model = one_dense();
  model.load_weights(file("w.h5"));
  EXPECT_EQ(model.get_weights()[0].at<float>(5), 6);
  EXPECT_EQ(model.get_weights()[1].at<float>(0), 7);
}

TEST_F(Legacy, ByNameLeavesOthersAlone) {
  write_old_weights();
  Sequential other = one_dense("other"), same = one_dense("dense_1"), wider = one_dense("dense_1", 4);
  const Tensors before = other.get_weights(), before_wider = wider.get_weights();
  other.load_weights(file("w.h5"), {.by_name = true});
  expect_equal(other.get_weights(), before);
  same.load_weights(file("w.h5"), {.by_name = true});
  EXPECT_EQ(same.get_weights()[1].at<float>(2), 9);
  EXPECT_ERROR(wider.load_weights(file("w.h5"), {.by_name = true}),
               "Shape mismatch in layer #1 (named dense_1) for weight model/dense_1/kernel. Weight expects shape [2,4]. "
               "Received saved weight with shape [2,3]");
  wider.load_weights(file("w.h5"), {.by_name = true, .skip_mismatch = true});
  expect_equal(wider.get_weights(), before_wider);
  EXPECT_ERROR(wider.load_weights(file("w.h5"), {.skip_mismatch = true}), "skip_mismatch needs by_name");
}

TEST_F(Legacy, WhatDoesNotFitChangesNothing) {
  write_old_weights();
  Sequential two({layers::Input({2}), layers::Dense(3, {.name = "a"}), layers::Dense(3, {.name = "b"})});
  EXPECT_ERROR(two.load_weights(file("w.h5")),
               "Layer count mismatch when loading weights from file. Model expected 2 layers, found 1 saved layers.");
  Sequential without_bias({layers::Input({2}), layers::Dense(3, {.use_bias = false, .name = "a"})});
  const Tensors before = without_bias.get_weights();
  EXPECT_ERROR(
      without_bias.load_weights(file("w.h5")),
      "Weight count mismatch for layer #0 (named a in the current model, dense_1 in the save file). Layer expects 1 "
      "weight(s). Received 2 saved weight(s)");
  expect_equal(without_bias.get_weights(), before);
}

TEST_F(Legacy, ListsAndGroupsThatDisagree) {
  write_old_weights();
  {
    const auto out = Hdf5File::create(file("ghost.h5"));
    out->write_texts("", "layer_names", {"ghost"}, Hdf5Text::fixed_ascii);
    out->close();
  }
  Sequential model = one_dense();
  EXPECT_ERROR(model.load_weights(file("ghost.h5")), "'ghost' is in the list `layer_names`, but has no group");
  EXPECT_ERROR(load_model(file("ghost.h5")), "No model config found in the file at " + file("ghost.h5"));
}

TEST_F(Legacy, ALayerThatIsListedTwiceIsRefused) {
  const auto out = Hdf5File::create(file("twice.h5"));
  out->write_texts("", "layer_names", {"a", "a"}, Hdf5Text::fixed_ascii);
  out->create_group("a");
  out->write_texts("a", "weight_names", {}, Hdf5Text::fixed_ascii);
  out->close();
  EXPECT_ERROR(one_dense().load_weights(file("twice.h5")), "the layer 'a' comes twice in the list `layer_names`");
}

TEST_F(Legacy, LongListsOfNamesAreSplitAsKerasDoes) {
  // 701 names of up to 200 bytes: parts of at most 64512 bytes hold 322, so there are three of 234, 234 and 233.
  std::vector<SequentialItem> items{layers::Input({1})};
  for (int i = 0; i < 700; ++i) {
    std::string name = "layer_" + std::to_string(i);
    items.push_back(layers::Activation("relu", {.name = name + std::string(200 - name.size(), 'x')}));
  }
  items.push_back(layers::Dense(1));
  Sequential model(items);
  model.save(file("a.h5"));
  const auto in = Hdf5File::open(file("a.h5"));
  EXPECT_FALSE(in->has_attribute("model_weights", "layer_names"));
  EXPECT_EQ(in->read_texts("model_weights", "layer_names0").size(), 234u);
  EXPECT_EQ(in->read_texts("model_weights", "layer_names2").size(), 233u);
  Model back = load_model(file("a.h5"));
  expect_equal(back.get_weights(), model.get_weights());
}

TEST_F(Legacy, OptimizersOfBeforeTensorFlow211) {
  // The counter, then one kind of slot for all variables, then the other.
  write_with_optimizer("adam",
                       {"Adam/iter:0", "Adam/d/kernel/m:0", "Adam/d/bias/m:0", "Adam/d/kernel/v:0", "Adam/d/bias/v:0"});
  const Variables state = load_model(file("b.h5")).optimizer().variables();
  ASSERT_EQ(state.size(), 6u);  // iteration, learning_rate, then momentum and velocity of each variable
  EXPECT_EQ(state[0].value().item<int>(), 5);
  const int expected[] = {1, 3, 2, 4};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(state[i + 2].value().at<int>(0), expected[i]) << state[i + 2].path();
}

TEST_F(Legacy, AnSgdOfKeras2HasMomentaThatItDoesNotUse) {
  write_with_optimizer("sgd", {"iteration:0", "SGD/m/d/kernel:0", "SGD/m/d/bias:0"});
  const Variables state = load_model(file("b.h5")).optimizer().variables();
  ASSERT_EQ(state.size(), 2u);
  EXPECT_EQ(state[0].value().item<int>(), 5);
  EXPECT_NEAR(state[1].value().item<float>(), 0.01f, 1e-9);
}

TEST_F(Legacy, AnAdafactorOfKeras2HasNoPlaceholders) {
  // The kernel's rows and columns and what both variables have; the bias has no rows and columns.
  Sequential model({layers::Input({2}), layers::Dense(1, {.name = "d"})});
  model.compile({.optimizer = "adafactor", .loss = "mse"});
  model.train_on_batch(ones({4, 2}), zeros({4, 1}));
  model.save(file("a.h5"));
  const auto in = Hdf5File::open(file("a.h5"));
  EXPECT_EQ(in->read_texts("optimizer_weights", "weight_names").size(), 5u);
  Tensors before, after;
  for (const Variable& v : model.optimizer().variables()) before.push_back(v.value());
  Model back = load_model(file("a.h5"));
  for (const Variable& v : back.optimizer().variables()) after.push_back(v.value());
  expect_equal(after, before);
}

TEST_F(Legacy, MetricsOfSeveralOutputsKeepTheirNames) {
  // As tf.keras 2.15 writes {"a": ["mae"], "b": ["mse", "b_own"]}: with the outputs' names in front.
  const Symbol x = layers::Input({2});
  Model model({x}, {layers::Dense(1, {.name = "a"})(x), layers::Dense(3, {.name = "b"})(x)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  write_with_metrics(model, "[[" + wrapped("a_mae", "mean_absolute_error") + "], [" +
                                wrapped("b_mse", "mean_squared_error") + ", " +
                                wrapped("b_b_own", "mean_absolute_error") + "]]");
  Model back = load_model(file("b.h5"));
  std::vector<std::string> names;
  for (const auto& [name, value] : back.train_on_batch(ones({4, 2}), {ones({4, 1}), ones({4, 3})}))
    names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"a_loss", "a_mae", "b_b_own", "b_loss", "b_mse", "loss"}));
}

TEST_F(Legacy, AccuracyFollowsTheTargetsWhateverKeras2Guessed) {
  // What tf.keras 2.15 writes for "accuracy" when it has not seen the targets, which are classes.
  Model model = Sequential({layers::Input({2}), layers::Dense(3, {.activation = "softmax"})});
  model.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy"});
  write_with_metrics(model, "[[" + wrapped("accuracy", "categorical_accuracy") + "]]");
  Model back = load_model(file("b.h5"));
  const Logs logs = back.test_on_batch(ones({4, 2}), zeros({4}, DType::i32));
  EXPECT_TRUE(logs["accuracy"] == 0 || logs["accuracy"] == 1) << logs["accuracy"];
  // Keras 2.15 would guess again.
  back.save(file("c.h5"));
  const std::string written = Hdf5File::open(file("c.h5"))->read_text("", "training_config");
  EXPECT_NE(written.find(R"({"class_name": "SparseCategoricalAccuracy", "config": {"name": "accuracy"}})"),
            std::string::npos)
      << written;
}

}  // namespace
}  // namespace strata
