#include "tests/models/saving/saving_testing.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using testing::expect_equal;
using testing::train;

class ModelFiles : public testing::TemporaryFolder {};

Sequential network() {
  Sequential model({layers::Input({6}), layers::Dense(8, {.activation = "relu"}), layers::BatchNormalization(),
                    layers::Dense(2, {.name = "out"})},
                   "net");
  model.compile({.optimizer = "adam", .loss = "mse", .metrics = {"mae"}});
  return model;
}

TEST_F(ModelFiles, ASavedModelComesBackWholeAndTrainsOn) {
  for (const std::string name : {"a.keras", "a.h5", "a.hdf5"}) {
    Sequential a = network();
    train(a);
    a.save(file(name));
    Model b = load_model(file(name));
    EXPECT_EQ(b.name(), "net");
    EXPECT_TRUE(b.compiled());
    expect_equal(a.get_weights(), b.get_weights());
    const Tensor x = random::normal({5, 6});
    expect_equal({Tensor(a.predict(x))}, {Tensor(b.predict(x))});
    EXPECT_EQ(b.optimizer().iterations().value().item<std::int64_t>(), 4);
    train(a, 2);  // alike only if momentum, velocity and counter came along
    train(b, 2);
    expect_equal(a.get_weights(), b.get_weights());
  }
}

TEST_F(ModelFiles, FunctionalModelsWithSharedNestedAndFrozenLayers) {
  const Symbol probe = layers::Input({4});
  const Model inner({probe}, {layers::BatchNormalization()(layers::Dense(3)(probe))}, "inner");
  inner.set_trainable(false);
  const Symbol x = layers::Input({4}, {.name = "x"}), y = layers::Input({4}, {.name = "y"});
  const Layer shared = layers::Dense(4, {.name = "shared"});
  Model a({x, y}, {layers::Dense(1, {.name = "p"})(inner(shared(x))), layers::Add()({inner(y), inner(shared(y))})});
  const Data data({random::normal({5, 4}), random::normal({5, 4})});
  for (const std::string name : {"a.keras", "a.h5"}) {
    a.save(file(name));
    Model b = load_model(file(name), {.compile = false});
    expect_equal(a.get_weights(), b.get_weights());
    expect_equal(Tensors(a.predict(data)), Tensors(b.predict(data)));
    EXPECT_EQ(b.trainable_weights().size(), a.trainable_weights().size());
    EXPECT_FALSE(b.compiled());
  }
}

TEST_F(ModelFiles, CompileSettingsOfSeveralOutputs) {
  const Symbol x = layers::Input({6});
  Model a({x}, {layers::Dense(2, {.name = "p"})(x), layers::Dense(1, {.activation = "sigmoid", .name = "q"})(x)});
  a.compile({.optimizer = optimizers::SGD({.learning_rate = 0.05, .momentum = 0.9}),
             .loss = {{"p", "mse"}, {"q", losses::BinaryCrossentropy({.label_smoothing = 0.1})}},
             .loss_weights = {{"p", 2.0}, {"q", 0.5}},
             .metrics = {{"p", {"mae"}}, {"q", {"accuracy"}}}});
  const Tensor in = random::normal({8, 6}), p = random::normal({8, 2}), q = round(random::uniform({8, 1}));
  for (const std::string name : {"a.keras", "a.h5"}) {
    a.save(file(name));
    Model b = load_model(file(name));
    const Logs here = a.test_on_batch(in, Data({p, q})), there = b.test_on_batch(in, Data({p, q}));
    ASSERT_EQ(here.items().size(), there.items().size());
    for (const auto& [log, value] : here) EXPECT_EQ(value, there[log]) << log;
    a.reset_metrics();
    EXPECT_NEAR(b.optimizer().learning_rate(), 0.05, 1e-7);
  }
}

TEST_F(ModelFiles, OptimizerAndCompileSettingsAreLeftOutWhenAsked) {
  Sequential a = network();
  train(a);
  a.save(file("a.keras"), {.include_optimizer = false});
  Model b = load_model(file("a.keras"));
  EXPECT_EQ(b.optimizer().iterations().value().item<std::int64_t>(), 0);
  expect_equal(a.get_weights(), b.get_weights());
  a.save(file("a.h5"), {.include_optimizer = false});
  EXPECT_FALSE(load_model(file("a.h5")).compiled());
  a.save(file("a.keras"));
  EXPECT_FALSE(load_model(file("a.keras"), {.compile = false}).compiled());
}

TEST_F(ModelFiles, AnUnbuiltSequentialIsKeptInAKerasFileOnly) {
  Sequential a({layers::Dense(3), layers::Dense(2)});
  a.save(file("a.keras"));
  Model b = load_model(file("a.keras"));
  EXPECT_EQ(b.layers().size(), 2u);
  EXPECT_EQ(Tensor(b.predict(zeros({2, 6}))).shape(), Shape({2, 2}));
  EXPECT_ERROR(a.save(file("a.h5")), "has not been built yet");
}

TEST_F(ModelFiles, NamesDecideTheKind) {
  Sequential a = network();
  EXPECT_ERROR(a.save(file("a.txt")), "expected a name that ends in `.keras`, `.h5`");
  EXPECT_ERROR(a.save(file("a.weights.h5")), "holds weights alone");
  EXPECT_ERROR(load_model(file("a.weights.h5")), "holds weights alone");
  EXPECT_ERROR(load_model(file("a.txt")), "File format not supported");
  EXPECT_ERROR(load_model(file("a.keras")), "File not found: filepath=" + file("a.keras"));
  EXPECT_ERROR(a.load_weights(file("a.keras"), {.by_name = true}), "by_name is for legacy");
  a.save(file("a.keras"));
  Sequential b = network();
  b.load_weights(file("a.keras"));
  expect_equal(a.get_weights(), b.get_weights());
}

TEST_F(ModelFiles, AFailedSaveLeavesThePreviousFile) {
  Sequential a = network();
  for (const std::string name : {"a.keras", "a.h5"}) {
    a.save(file(name));
    const std::string before = testing::bytes_of(file(name));
    Sequential lambda({layers::Input({6}), layers::Dense(2, {.activation = [](Value v) { return v * 2.0; }})});
    EXPECT_ERROR(lambda.save(file(name)), "register");
    EXPECT_EQ(testing::bytes_of(file(name)), before);
    EXPECT_ERROR(a.save(file("none/" + name)), name);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()), 2);
}

TEST_F(ModelFiles, EveryTruncationIsAnError) {
  Sequential a({layers::Input({2}), layers::Dense(2)});
  for (const std::string name : {"a.keras", "a.h5"}) {
    a.save(file(name));
    const std::string good = testing::bytes_of(file(name));
    for (std::size_t percent = 0; percent < 100; ++percent) {
      testing::write_bytes(file(name), good.substr(0, good.size() * percent / 100));
      EXPECT_THROW(load_model(file(name)), Error) << name << " " << percent;
    }
  }
}

}  // namespace
}  // namespace strata
