// Training in 16 bits: Keras's rules, and curves of losses beside those of Keras 3.15.1.

#include <gtest/gtest.h>
#include <strata/strata.h>

#include <cmath>
#include <limits>

#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

/// The policy of what is made while it lives.
class PolicyScope {
 public:
  explicit PolicyScope(const DTypePolicy& policy) { mixed_precision::set_global_policy(policy); }
  PolicyScope(const PolicyScope&) = delete;
  PolicyScope& operator=(const PolicyScope&) = delete;
  ~PolicyScope() { mixed_precision::set_global_policy("float32"); }
};

/// Numbers in [-0.5, 0.5) that a program in another language makes just so.
Tensor noise(const Shape& shape, std::uint32_t salt, float scale) {
  Tensor t(DType::f32, shape);
  std::uint32_t i = 0;
  for (float& x : t.mutable_data<float>()) {
    std::uint32_t h = i++ * 2654435761u + salt * 97531u;
    h = (h ^ (h >> 15)) * 2246822519u;
    h ^= h >> 13;
    x = (static_cast<float>(h >> 8) / 16777216.0f - 0.5f) * scale;
  }
  return t;
}

struct Images {
  static constexpr std::int64_t batch = 32;
  Tensor x = noise({batch, 28, 28, 1}, 1, 0.5f), y = Tensor(DType::i32, {batch});
  /// Noise, and for each class a bar at another height.
  Images() {
    const auto pixels = x.mutable_data<float>();
    const auto classes = y.mutable_data<std::int32_t>();
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t label = b % 10;
      classes[static_cast<std::size_t>(b)] = static_cast<std::int32_t>(label);
      for (std::int64_t row = 2 * label; row < 2 * label + 4; ++row)
        for (std::int64_t column = 4; column < 24; ++column) pixels[static_cast<std::size_t>((b * 28 + row) * 28 + column)] += 1;
    }
  }
};

Model mlp() {
  return Sequential({layers::Input({28, 28, 1}), layers::Flatten(), layers::Dense(512, {.activation = "relu"}),
                     layers::Dense(512, {.activation = "relu"}), layers::Dense(10, {.activation = "softmax"})});
}

Model cnn() {
  return Sequential({layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
                     layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Flatten(),
                     layers::Dense(128, {.activation = "relu"}), layers::Dense(10, {.activation = "softmax"})});
}

void set_weights(Model& model) {
  std::uint32_t salt = 10;
  for (Variable v : model.trainable_weights()) {
    const Shape& shape = v.shape();
    const double inputs = static_cast<double>(shape.elements() / shape.back());
    const float scale = static_cast<float>(std::exp2(1 - std::floor(std::log2(inputs) / 2)));
    v.assign(shape.rank() == 1 ? zeros(shape) : noise(shape, salt, scale));
    ++salt;
  }
}

/// The losses of ten steps of Adam on one batch.
std::vector<double> losses(Model (*make)(), const std::string& policy) {
  const PolicyScope scope(policy);
  const Images images;
  Model model = make();
  set_weights(model);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 1e-3}), .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  std::vector<double> all;
  for (int i = 0; i < 10; ++i) {
    model.reset_metrics();
    all.push_back(model.train_on_batch(images.x, images.y)["loss"]);
  }
  return all;
}

/// Each loss within `bound` of its size, and `bound` / 10 for the small ones.
void expect_near(const std::vector<double>& received, const std::vector<double>& expected, double bound) {
  ASSERT_EQ(received.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(received[i], expected[i], bound * (expected[i] + 0.1)) << "step " << i;
}
