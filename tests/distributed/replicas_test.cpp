#include "distributed/replicas.h"

#include "core/ops/all_reduce.h"
#include "core/ops/ops.h"
#include "distributed/mirrors.h"
#include "distributed/replica_graph.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/support/messages.h"

namespace strata::distribute {
namespace {
using namespace strata::testing;

const std::vector<Device> three{{DeviceKind::cpu, 0}, {DeviceKind::cpu, 1}, {DeviceKind::cpu, 2}};

TEST(Mirror, CopiesAreMadeEqualAndFollow) {
  const Variable v("v", floats({2}, {1, 2}));
  Mirror mirror(v, three, false);
  EXPECT_EQ(mirror.of(0), v);
  EXPECT_EQ(numbers(mirror.of(2).value()), (std::vector<float>{1, 2}));
  EXPECT_EQ(mirror.of(2).value().device(), three[2]);
  v.assign(floats({2}, {3, 4}));
  mirror.follow(2);
  EXPECT_EQ(numbers(mirror.of(1).value()), (std::vector<float>{3, 4}));
  EXPECT_EQ(numbers(mirror.of(2).value()), (std::vector<float>{1, 2})) << "takes no part";
  mirror.follow(3);
  EXPECT_EQ(numbers(mirror.of(2).value()), (std::vector<float>{3, 4}));
}

TEST(Mirror, CopiesThatComputedTheValueThemselvesAreLeftAlone) {
  const Variable v("v", floats({1}, {1}));
  Mirror mirror(v, three, false);
  v.assign(floats({1}, {2}));
  mirror.of(1).assign(floats({1}, {5}));  // stands for a step's result
  mirror.has_followed(2);
  mirror.follow(3);
  EXPECT_EQ(numbers(mirror.of(1).value()), (std::vector<float>{5}));
  EXPECT_EQ(numbers(mirror.of(2).value()), (std::vector<float>{2}));
  mirror.forget();
  mirror.follow(3);
  EXPECT_EQ(numbers(mirror.of(1).value()), (std::vector<float>{2}));
}

TEST(Mirror, StreamsDifferInSeedAndAgreeInStep) {
  const Variable state("seed_generator_state", Tensor::from<std::int64_t>({2}, {77, 3}), false);
  Mirror mirror(state, three, true);
  EXPECT_NE(mirror.of(1).value().at<std::int64_t>(0), 77);
  EXPECT_NE(mirror.of(1).value().at<std::int64_t>(0), mirror.of(2).value().at<std::int64_t>(0));
  EXPECT_EQ(mirror.of(2).value().at<std::int64_t>(1), 3);
}

TEST(Mirrors, GoWhenNoStepNeedsThem) {
  Mirrors mirrors(three);
  const Variable v("v", floats({1}, {1}));
  auto first = mirrors.of(v, false);
  EXPECT_EQ(mirrors.of(v, false), first);
  const std::weak_ptr<Mirror> watch = first;
  first.reset();
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(numbers(mirrors.of(v, false)->of(1).value()), (std::vector<float>{1}));
}

TEST(ReplicaGraph, UpdatesThatWouldDifferBecomeMeans) {
  const Value x = placeholder({2});
  const Variable moving("moving", zeros({2})), counter("counter", Tensor::scalar(std::int64_t{0})),
      summed("summed", zeros({2}));
  const Replication half{2, 1, 2};
  const Graph g{
      {}, {{moving, Value(moving) * 0.5 + x}, {counter, Value(counter) + 1}, {summed, apply(AllReduce{true}, x)}}};
  const Graph equal = with_equal_updates(g, {}, half);
  EXPECT_TRUE(equal.updates[0].value.node()->op().as<AllReduce>()) << "depends on the samples";
  EXPECT_TRUE(same(equal.updates[1].value, g.updates[1].value)) << "is the same everywhere";
  EXPECT_TRUE(same(equal.updates[2].value, g.updates[2].value)) << "is the same by its sum";
}

TEST(ReplicaGraph, StreamsStayApart) {
  const Variable state("state", Tensor::from<std::int64_t>({2}, {5, 0})), noise("noise", zeros({2}));
  const Value drawn = apply(RandomUniform{{2}, 0, 1, 0, DType::f32}, state);
  const Graph g{{}, {{state, Value(state) + 1}, {noise, drawn}}};
  const Graph equal = with_equal_updates(g, {state.id()}, {2, 1, 2});
  EXPECT_TRUE(same(equal.updates[0].value, g.updates[0].value));
  EXPECT_TRUE(equal.updates[1].value.node()->op().as<AllReduce>());
}

TEST(ReplicaGraph, IntegersHaveNoMean) {
  const Value x = placeholder({}, DType::i64);
  const Variable seen("seen", Tensor::scalar(std::int64_t{0}));
  EXPECT_ERROR(with_equal_updates({{}, {{seen, Value(seen) + x}}}, {}, {2, 1, 2}),
               "[variable 'seen'] would differ between replicas");
}

/// A step that adds the sum of all samples to `total`, and hands it back with the samples.
struct Sums {
  explicit Sums(const Strategy& strategy) : replicas(strategy) {}

  Replicas::Step step(std::int64_t samples) {
    std::vector<Replicas::Part> parts;
    for (const Replication& share : replicas.shares(samples)) {
      const ReplicationScope scope(share);
      const Value x = placeholder({share.samples});
      const Value sum_of_all = all_reduce(sum(x), true);
      parts.push_back({{x}, {{x * 2.0}, {{total, Value(total) + sum_of_all}}}, share});
    }
    return replicas.compile(parts, {}, {}, std::make_shared<ArenaPool>());
  }

  void run(std::int64_t samples) {
    const Replicas::Step compiled = step(samples);
    std::vector<Tensors> parts;
    std::int64_t at = 0;
    for (const Replication& share : replicas.shares(samples)) {
      parts.push_back({counted({share.samples}, static_cast<float>(at))});
      at += share.samples;
    }
    const auto outputs = replicas.run(compiled, parts);
    at = 0;
    for (const Tensors& out : outputs)
      for (const float x : numbers(out[0])) EXPECT_EQ(x, 2 * static_cast<float>(at++));
    EXPECT_EQ(at, samples);
    for (std::size_t r = 0; r < outputs.size(); ++r)
      EXPECT_EQ(numbers(compiled.mirrors[0]->of(r).value()), numbers(total.value()));
  }

  Replicas replicas;
  Variable total{"total", zeros({})};
};

TEST(Replicas, SharesAddUp) {
  const Replicas replicas(MirroredStrategy({"cpu:0", "cpu:1", "cpu:2"}));
  const auto samples_of = [&](std::int64_t n) {
    std::vector<std::int64_t> all;
    for (const Replication& r : replicas.shares(n)) {
      EXPECT_EQ(r.all_samples, n);
      EXPECT_EQ(static_cast<std::size_t>(r.replicas), replicas.shares(n).size());
      all.push_back(r.samples);
    }
    return all;
  };
  EXPECT_EQ(samples_of(9), (std::vector<std::int64_t>{3, 3, 3}));
  EXPECT_EQ(samples_of(11), (std::vector<std::int64_t>{4, 4, 3}));
  EXPECT_EQ(samples_of(2), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(samples_of(1), (std::vector<std::int64_t>{1}));
}

TEST(Replicas, AStepIsThatOfOneDeviceOnAllSamples) {
  Sums sums(MirroredStrategy({"cpu:0", "cpu:1", "cpu:2"}));
  sums.run(7);
  EXPECT_EQ(numbers(sums.total.value()), (std::vector<float>{21}));
  sums.run(2);  // the third replica takes no part, and follows
  EXPECT_EQ(numbers(sums.total.value()), (std::vector<float>{22}));
  sums.run(1);
  sums.run(6);
  EXPECT_EQ(numbers(sums.total.value()), (std::vector<float>{37}));
  sums.total.assign(zeros({}));
  sums.run(3);
  EXPECT_EQ(numbers(sums.total.value()), (std::vector<float>{3})) << "an assignment reaches all replicas";
}

/// Fails where its operand is negative.
struct Refuse {
  static constexpr std::string_view name = "refuse";
  Type infer(std::span<const Type> in) const { return in[0]; }
  Values vjp(const Node&, Value) const { return no_gradient(); }
  void run(Cpu&, Buffers io) const {
    if (io.in<float>(0)[0] < 0) throw Error(name, "received a negative number");
    std::copy(io.in<float>(0).begin(), io.in<float>(0).end(), io.out<float>(0).begin());
  }
};

TEST(Replicas, AReplicaThatFailsEndsTheStepOfAllAndTheNextOneGoesOn) {
  Replicas replicas(MirroredStrategy({"cpu:0", "cpu:1", "cpu:2"}));
  const Variable total("total", zeros({1}));
  std::vector<Replicas::Part> parts;
  for (const Replication& share : replicas.shares(3)) {
    const ReplicationScope scope(share);
    const Value x = placeholder({1});
    parts.push_back({{x}, {{}, {{total, Value(total) + all_reduce(apply(Refuse{}, x))}}}, share});
  }
  const auto step = replicas.compile(parts, {}, {}, std::make_shared<ArenaPool>());
  const auto run = [&](float second) {
    replicas.run(step, {{floats({1}, {1})}, {floats({1}, {second})}, {floats({1}, {3})}});
  };
  run(2);
  for (int repetition = 0; repetition < 5; ++repetition) {
    const std::string message = message_of([&] { run(-2); });
    EXPECT_NE(message.find("[rank 1 of 3 (cpu:1 on "), std::string::npos) << message;
    EXPECT_NE(message.find("step " + std::to_string(2 * repetition + 1) + ": [refuse] received a negative number"),
              std::string::npos)
        << message;
    run(2);
    EXPECT_EQ(numbers(step.mirrors[0]->of(2).value()), numbers(total.value()));
  }
  EXPECT_EQ(numbers(total.value()), (std::vector<float>{36}));
}

/// Sums that are exchanged while a product is formed: the first is a bucket by itself, for its size.
struct SumsBesideProducts {
  static constexpr std::int64_t side = 530;

  std::vector<Replicas::Part> parts() const {
    std::vector<Replicas::Part> all;
    for (const Replication& share : replicas.shares(2)) {
      const ReplicationScope scope(share);
      const Value x = placeholder({side, side}), early = all_reduce(x * 2.0, true);
      const Value product = apply(Refuse{}, matmul(x, constant(ones({side, side})))), late = all_reduce(product, true);
      all.push_back({{x}, {{matmul(product, x)}, {{a, Value(a) + early}, {b, Value(b) + late}}}, share});
    }
    return all;
  }
  void run(const Replicas::Step& step, float second) {
    replicas.run(step, {{full({side, side}, 1.0)}, {full({side, side}, second)}});
  }

  Replicas replicas{MirroredStrategy({"cpu:0", "cpu:1"})};
  Variable a{"a", zeros({side, side})}, b{"b", zeros({side, side})};
};

TEST(Replicas, AReplicaThatFailsWhileExchangesGoOnEndsTheStepOfAllAndTheNextOneGoesOn) {
  SumsBesideProducts sums;
  const auto step = sums.replicas.compile(sums.parts(), {}, {}, std::make_shared<ArenaPool>());
  for (const auto& part : step.parts) EXPECT_TRUE(part->plan().overlaps()) << part->plan().dump();
  for (int repetition = 0; repetition < 4; ++repetition) {
    sums.a.assign(zeros({SumsBesideProducts::side, SumsBesideProducts::side}));
    sums.run(step, 2);
    EXPECT_EQ(numbers(sums.a.value())[7], 6);
    const std::string message = message_of([&] { sums.run(step, -2); });
    EXPECT_NE(message.find("[rank 1 of 2 (cpu:1 on "), std::string::npos) << message;
    EXPECT_NE(message.find("step " + std::to_string(3 * repetition + 1) + ": [refuse] received a negative number"),
              std::string::npos)
        << message;
    sums.run(step, 3);
    for (const auto& mirror : step.mirrors) EXPECT_EQ(numbers(mirror->of(1).value()), numbers(mirror->of(0).value()));
  }
}

TEST(Replicas, AReplicaThatDriftsAwayIsNamed) {
  Replicas replicas(MirroredStrategy({"cpu:0", "cpu:1", "cpu:2"}, {.check_parameters_every = 2}));
  const Variable total("total", zeros({2}));
  std::vector<Replicas::Part> parts;
  for (const Replication& share : replicas.shares(3)) {
    const ReplicationScope scope(share);
    const Value x = placeholder({2});
    parts.push_back({{x}, {{}, {{total, Value(total) + all_reduce(x)}}}, share});
  }
  const auto step = replicas.compile(parts, {}, {}, std::make_shared<ArenaPool>());
  const auto run = [&] { replicas.run(step, {{ones({2})}, {ones({2})}, {ones({2})}}); };
  run();
  run();
  step.mirrors[0]->of(2).assign(floats({2}, {6, 7}));
  run();
  EXPECT_ERROR(run(),
               "expected the same variables on all replicas (check_parameters_every); different from rank 0 are "
               "rank 2 in 'total'");
}

TEST(Replicas, AReplicaThatHangsEndsInAnError) {
  // One replica waits for more sums than the others form: it stands for one that hangs.
  Replicas replicas(MirroredStrategy({"cpu:0", "cpu:1"}, {.timeout_seconds = 0.1}));
  std::vector<Replicas::Part> parts;
  for (const Replication& share : replicas.shares(2)) {
    const ReplicationScope scope(share);
    const Value x = placeholder({1});
    Value y = all_reduce(x);
    if (parts.empty()) y = all_reduce(y * 2.0);
    parts.push_back({{x}, {{y}, {}}, share});
  }
  const auto step = replicas.compile(parts, {}, {}, std::make_shared<ArenaPool>());
  EXPECT_ERROR(replicas.run(step, {{floats({1}, {1})}, {floats({1}, {1})}}),
               "waited 100 ms in vain for rank 1 of 2 (cpu:1 on ");
}

}  // namespace
}  // namespace strata::distribute
