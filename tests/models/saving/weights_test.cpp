#include <gtest/gtest.h>
#include <strata/strata.h>

#include <filesystem>
#include <fstream>

#include "tests/support/messages.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class Weights : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("strata-weights-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  fs::path folder_;
};

Sequential network(std::int64_t hidden = 8) {
  Sequential model({layers::Input({6}), layers::Dense(hidden, {.activation = "relu"}), layers::BatchNormalization(),
                    layers::Dense(2)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

void train(Sequential& model, int epochs = 1) {
  utils::set_random_seed(3);
  model.fit(random::normal({64, 6}), random::normal({64, 2}),
            {.batch_size = 16, .epochs = epochs, .verbose = 0, .shuffle = false});
}

void expect_equal(const Tensors& a, const Tensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::int64_t k = 0; k < a[i].size(); ++k) ASSERT_EQ(a[i].at<float>(k), b[i].at<float>(k)) << i;
}

TEST_F(Weights, ComeBackWithTheOptimizersState) {
  Sequential a = network();
  train(a);
  a.save_weights(file("a.weights.h5"));
  Sequential b = network();
  b.load_weights(file("a.weights.h5"));
  expect_equal(a.get_weights(), b.get_weights());
  train(a, 2);  // goes on alike only if momentum, velocity and step came along
  train(b, 2);
  expect_equal(a.get_weights(), b.get_weights());
}

TEST_F(Weights, NestedModelsAndFrozenLayers) {
  const auto make = [] {
    Symbol probe = layers::Input({4});
    Model inner({probe}, {layers::BatchNormalization()(layers::Dense(3)(probe))});
    Symbol in = layers::Input({4});
    return Model({in}, {layers::Dense(1)(inner(in))});
  };
  Model a = make(), b = make();
  a.layers()[0].set_trainable(false);
  a.save_weights(file("n.weights.h5"));
  b.load_weights(file("n.weights.h5"));
  const Tensor x = random::normal({5, 4});
  expect_equal({Tensor(a.predict(x))}, {Tensor(b.predict(x))});
}

TEST_F(Weights, OfAnotherModelChangeNothing) {
  Sequential a = network(8), b = network(9);
  a.save_weights(file("a.weights.h5"));
  const Tensors before = b.get_weights();
  EXPECT_ERROR(b.load_weights(file("a.weights.h5")), "objects could not be loaded");
  EXPECT_ERROR(b.load_weights(file("a.weights.h5")), "has shape [6,9], but the file holds [6,8]");
  expect_equal(before, b.get_weights());
  Sequential shorter({layers::Input({6}), layers::Dense(8)});
  shorter.save_weights(file("s.weights.h5"));
  EXPECT_ERROR(a.load_weights(file("s.weights.h5")), "expected 4 variables, but received 0 variables");
}

TEST_F(Weights, DamagedFilesAreNamed) {
  Sequential a = network();
  a.save_weights(file("a.weights.h5"));
  const auto size = fs::file_size(file("a.weights.h5"));
  fs::resize_file(file("a.weights.h5"), size / 2);
  EXPECT_ERROR(a.load_weights(file("a.weights.h5")), "a.weights.h5");
  std::ofstream(file("t.weights.h5")) << "this is text";
  EXPECT_ERROR(a.load_weights(file("t.weights.h5")), "t.weights.h5");
  EXPECT_ERROR(a.load_weights(file("missing.weights.h5")), "missing.weights.h5");
  EXPECT_ERROR(a.save_weights(file("a.h5")), "must end in `.weights.h5`");
}

TEST_F(Weights, AFailedSaveLeavesThePreviousFile) {
  Sequential a = network();
  a.save_weights(file("a.weights.h5"));
  const auto size = fs::file_size(file("a.weights.h5"));
  EXPECT_ERROR(a.save_weights((folder_ / "none" / "a.weights.h5").string()), "a.weights.h5");
  EXPECT_EQ(fs::file_size(file("a.weights.h5")), size);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace strata
