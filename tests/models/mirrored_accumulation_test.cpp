// gradient_accumulation_steps under a MirroredStrategy.
#include <optional>

#include "tests/models/mirrored_samples.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

using testing::expect_near, testing::flat, testing::Samples;

struct Devices {
  explicit Devices(int replicas) {
    std::vector<std::string> names;
    for (int r = 0; r < replicas; ++r) names.push_back("cpu:" + std::to_string(r));
    if (replicas > 0) scope.emplace(distribute::MirroredStrategy(names));
    reset_names();
    utils::set_random_seed(7);
  }
  std::optional<distribute::StrategyScope> scope;
};

Sequential network() {
  Sequential model({layers::Input({6}), layers::Dense(8, {.activation = "tanh"}), layers::Dense(3)});
  model.compile(
      {.optimizer = optimizers::Adam({.learning_rate = 0.05, .clipnorm = 0.5, .gradient_accumulation_steps = 3}),
       .loss = "mse"});
  return model;
}

/// Trains on batches [from, to) of 5 samples each, which two replicas share unevenly.
void train(const Samples& data, Model& model, std::int64_t from, std::int64_t to) {
  for (std::int64_t s = from; s < to; ++s)
    model.train_on_batch(data.x.rows(5 * s, 5 * s + 5), data.y.rows(5 * s, 5 * s + 5));
}

TEST(MirroredAccumulation, WeightsAreThoseOfOneDeviceAndChangeEveryThirdStep) {
  const Samples data(45);
  const auto weights = [&](int replicas) {
    const Devices devices(replicas);
    Sequential model = network();
    std::vector<std::vector<double>> after{flat(model.get_weights())};
    for (std::int64_t s = 0; s < 9; ++s) {
      train(data, model, s, s + 1);
      after.push_back(flat(model.get_weights()));
    }
    return after;
  };
  const auto one = weights(0);
  for (std::size_t s = 1; s < one.size(); ++s) EXPECT_EQ(one[s] == one[s - 1], s % 3 != 0) << s;
  for (const int replicas : {2, 3}) {
    const auto many = weights(replicas);
    for (std::size_t s = 0; s < one.size(); ++s) {
      SCOPED_TRACE(std::to_string(replicas) + " replicas, step " + std::to_string(s));
      expect_near(many[s], one[s], 1e-4);
      if (s > 0) {
        EXPECT_EQ(many[s] == many[s - 1], s % 3 != 0);
      }
    }
  }
}

class MirroredAccumulationFiles : public testing::TemporaryFolder {};

TEST_F(MirroredAccumulationFiles, AFileBetweenTwoUpdatesHoldsWhatAllReplicasHaveGathered) {
  const Samples data(45);
  const auto rest_of_one = [&] {
    const Devices devices(0);
    Sequential model = network();
    train(data, model, 0, 9);
    return flat(model.get_weights());
  }();
  const std::string path = file("between.keras");
  {
    const Devices devices(3);
    Sequential model = network();
    train(data, model, 0, 5);  // one update, and two steps towards the next
    model.save(path);
  }
  for (const int replicas : {0, 2}) {
    const Devices devices(replicas);
    Model model = load_model(path);
    train(data, model, 5, 9);
    expect_near(flat(model.get_weights()), rest_of_one, 1e-4);
  }
}

}  // namespace
}  // namespace strata
