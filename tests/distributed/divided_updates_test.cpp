#include "distributed/divided_updates.h"

#include "core/compile/scatter_gather.h"
#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "distributed/mirrors.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/support/messages.h"

namespace strata::distribute {
namespace {
using namespace strata::testing;

/// Weights of several sizes with a momentum each, a rate that shrinks and a counter; all gradients are sums over the
/// samples.
struct Training {
  explicit Training(int count = 3) {
    const DeviceScope first("cpu:0");
    for (int i = 0; i < count; ++i) {
      weights.emplace_back("w" + std::to_string(i), counted({3 + 5 * i}, static_cast<float>(i)));
      momenta.emplace_back("m" + std::to_string(i), zeros({3 + 5 * i}), false);
    }
    rate = Variable("rate", full({}, 0.5), false);
    steps = Variable("steps", Tensor::scalar(std::int64_t{0}), false);
  }

  Replicas::Trained trained() const {
    Variables optimizer = momenta;
    optimizer.push_back(rate);
    optimizer.push_back(steps);
    return {weights, optimizer};
  }

  /// Clipped together, every update wants all gradients.
  Graph graph(const Value& x, bool clipped) const {
    Values gradients;
    for (std::size_t i = 0; i < weights.size(); ++i)
      gradients.push_back(all_reduce(Value(weights[i]) * 0.01 + sum(x) * static_cast<double>(i + 1), true));
    if (clipped) {
      Value norm;
      for (const Value& g : gradients) norm = norm ? norm + sum(square(g)) : sum(square(g));
      for (Value& g : gradients) g = g / sqrt(norm);
    }
    Graph g;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const Value momentum = Value(momenta[i]) * 0.5 + gradients[i];
      g.updates.push_back({momenta[i], momentum});
      g.updates.push_back({weights[i], Value(weights[i]) - momentum * Value(rate)});
    }
    g.updates.push_back({rate, Value(rate) * 0.9});
    g.updates.push_back({steps, Value(steps) + 1});
    return g;
  }

  std::vector<float> numbers_of_all() const {
    std::vector<float> all;
    for (const Variables* variables : {&weights, &momenta})
      for (const Variable& v : *variables)
        for (const float x : numbers(v.value().to(Device{}))) all.push_back(x);
    all.push_back(numbers(rate.value())[0]);
    return all;
  }

  Variables weights, momenta;
  Variable rate, steps;
};

std::vector<std::string> processors(int count) {
  std::vector<std::string> names;
  for (int r = 0; r < count; ++r) names.push_back("cpu:" + std::to_string(r));
  return names;
}

/// What steps on so many samples each leave.
std::vector<float> train(int replicas_count, bool sharded, bool clipped, const std::vector<std::int64_t>& batches,
                         int weights = 3) {
  const Training training(weights);
  Replicas replicas(
      MirroredStrategy(processors(replicas_count), {.timeout_seconds = 20, .shard_optimizer_state = sharded}));
  for (const std::int64_t samples : batches) {
    std::vector<Replicas::Part> parts;
    std::vector<Tensors> inputs;
    for (const Replication& share : replicas.shares(samples)) {
      const ReplicationScope scope(share);
      const Value x = placeholder({share.samples});
      parts.push_back({{x}, training.graph(x, clipped), share});
      inputs.push_back({counted({share.samples}, static_cast<float>(inputs.size()))});
    }
    const auto step = replicas.compile(parts, {}, {}, std::make_shared<ArenaPool>(), training.trained());
    for (int repetition = 0; repetition < 2; ++repetition) replicas.run(step, inputs);
    for (const auto& mirror : step.mirrors)
      for (std::size_t r = 1; r < parts.size(); ++r)
        EXPECT_EQ(numbers(cast(mirror->of(r).value().to(Device{}), DType::f32)),
                  numbers(cast(mirror->of(0).value().to(Device{}), DType::f32)));
  }
  return training.numbers_of_all();
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5 * std::max(1.0f, std::abs(b[i]))) << i;
}

TEST(DividedUpdates, AreThoseOfAStepWithout) {
  for (const int replicas : {2, 3, 4})
    for (const bool clipped : {false, true}) {
      SCOPED_TRACE(std::to_string(replicas) + (clipped ? " clipped" : ""));
      // Uneven shares, and batches that the first replicas have for themselves.
      const std::vector<std::int64_t> batches{8, 7, 1, 2, 8};
      expect_near(train(replicas, true, clipped, batches), train(replicas, false, clipped, batches));
    }
}

TEST(DividedUpdates, AReplicaMayHaveNoWeight) {
  expect_near(train(3, true, false, {6}, 1), train(3, false, false, {6}, 1));
  expect_near(train(4, true, true, {8}, 2), train(4, false, true, {8}, 2));
}

TEST(Division, SharesStateOutBySizeAndLeavesWhatIsCommon) {
  const Training training(4);
  const Division d = divide(training.graph(placeholder({2}), false), training.trained(), 2);
  ASSERT_EQ(d.weights.size(), 4u);
  // 18, 13, 8 and 3 numbers: 18 + 3 and 13 + 8.
  EXPECT_EQ(d.weights.at(training.weights[3].id()), d.weights.at(training.weights[0].id()));
  EXPECT_EQ(d.weights.at(training.weights[2].id()), d.weights.at(training.weights[1].id()));
  EXPECT_NE(d.weights.at(training.weights[3].id()), d.weights.at(training.weights[2].id()));
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(d.state.at(training.momenta[i].id()), d.weights.at(training.weights[i].id()));
  EXPECT_FALSE(d.state.contains(training.rate.id()));
  EXPECT_FALSE(d.state.contains(training.steps.id()));
}

TEST(Division, StateThatSomethingElseReadsStaysWithAll) {
  const Training training(2);
  const Variable watched("watched", zeros({3}), false);
  Graph g = training.graph(placeholder({2}), false);
  g.updates.push_back({watched, Value(training.momenta[0]) + 0.0});
  const Division d = divide(g, training.trained(), 2);
  EXPECT_FALSE(d.state.contains(training.momenta[0].id()));
  EXPECT_FALSE(d.weights.contains(training.weights[0].id()));
  EXPECT_TRUE(d.state.contains(training.momenta[1].id()));
}

TEST(DividedUpdates, OnlyGradientsThatOneReplicaWantsAreScattered) {
  for (const bool clipped : {false, true}) {
    const Training training;
    const ReplicationScope scope({2, 1, 2});
    const Graph g = training.graph(placeholder({1}), clipped);
    const Graph divided = with_divided_updates(g, divide(g, training.trained(), 2), 0, 2);
    int scattered = 0, gathered = 0, summed = 0;
    for (const NodePtr& node : nodes(divided)) {
      scattered += node->op().as<ReduceScatter>() != nullptr;
      gathered += node->op().as<AllGather>() != nullptr;
      summed += node->op().as<AllReduce>() != nullptr;
    }
    EXPECT_EQ(scattered, clipped ? 0 : 1);
    EXPECT_EQ(summed, clipped ? 3 : 0);
    EXPECT_EQ(gathered, 1);
    EXPECT_LT(divided.updates.size(), g.updates.size()) << "another replica's momenta are not updated here";
  }
}

}  // namespace
}  // namespace strata::distribute
