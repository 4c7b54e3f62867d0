// Updates that run by one kernel: which ones, and that nothing else changes.
#include "core/compile/group_updates.h"

#include <cstring>

#include "core/compile/fused.h"
#include "tests/core/compile/random_step.h"
#include "tests/core/graph/host_kernels.h"

namespace strata {
namespace {
using namespace testing;

/// w <- w - (0.5 m + g), m <- 0.5 m + g for variables of these sizes, g = w * x.
struct Momentum {
  Value x = placeholder({});
  Variables w, m;
  Updates updates;
  explicit Momentum(const std::vector<std::int64_t>& sizes) {
    for (const std::int64_t n : sizes) {
      const std::string number = std::to_string(w.size());
      w.emplace_back("w" + number, counted({n}, 1, 0.01f));
      m.emplace_back("m" + number, counted({n}, -1, 0.02f));
      const Value speed = Value(m.back()) * 0.5 + Value(w.back()) * x;
      updates.push_back({m.back(), speed});
      updates.push_back({w.back(), Value(w.back()) - speed});
    }
  }
  Graph fused() const { return fuse_elementwise(simplify(lower({}, updates))); }
};

bool identical(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

TEST(GroupUpdates, TheSameUpdateOfSeveralVariables) {
  const Momentum step({7, 3000, 64});
  const auto groups = groupable_updates(step.fused());
  ASSERT_EQ(groups.size(), 1u);
  ASSERT_EQ(groups[0].size(), 3u);
  EXPECT_EQ(groups[0][1]->types()[0].shape, Shape({3000}));
  const Graph grouped = group_updates(step.fused());
  const Function f({step.x}, grouped.outputs, grouped.updates, {.fuse = false});
  EXPECT_EQ(ops_of(f.plan()), Names{"fused_group(3 x multiply, multiply, add, subtract)"}) << f.plan().dump();
}

TEST(GroupUpdates, TheSameUpdateOfAVariableOfOneElement) {  // the bias of Dense(1)
  const auto groups = groupable_updates(Momentum({7, 1, 64}).fused());
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].size(), 3u);
}

TEST(GroupUpdates, ResultsAreThoseOfSingleUpdates) {
  const Momentum one({7, 3000, 64, 1}), other({7, 3000, 64, 1});
  const Tensor x = Tensor::from<float>({}, {0.125f});
  const Graph grouped = group_updates(one.fused());
  const Function together({one.x}, {}, grouped.updates, {.fuse = false});
  const Function apart({other.x}, {}, other.updates);
  for (int step = 0; step < 3; ++step) together({x}), apart({x});
  for (std::size_t i = 0; i < one.w.size(); ++i) {
    EXPECT_TRUE(identical(one.w[i].value(), other.w[i].value())) << i;
    EXPECT_TRUE(identical(one.m[i].value(), other.m[i].value())) << i;
  }
}

TEST(GroupUpdates, OneThatReadsAnothersResultStaysApart) {
  const Variable a("a", counted({8})), b("b", counted({8}));
  const Value next = Value(a) * 2.0;
  const Graph chained = fuse_elementwise(simplify(lower({}, {{a, next}, {b, sum(next) * Value(b)}})));
  EXPECT_TRUE(groupable_updates(chained).empty());
  EXPECT_EQ(nodes(group_updates(chained)).size(), nodes(chained).size());
}

TEST(GroupUpdates, GroupsDoNotWaitForEachOther) {
  // a1 -> b1 and b2 -> a2: {a1, a2} and {b1, b2} cannot both be one kernel.
  const auto vector = [](const char* name) { return Variable(name, counted({8}, 0.5f, 0.1f)); };
  const Variable a1 = vector("a1"), a2 = vector("a2"), b1 = vector("b1"), b2 = vector("b2");
  const Value new_a1 = tanh(Value(a1)), new_b2 = sin(Value(b2));
  const Value new_b1 = sin(transpose(reshape(new_a1, {8, 1}))), new_a2 = tanh(transpose(reshape(new_b2, {8, 1})));
  const Graph g = fuse_elementwise(simplify(
      lower({}, {{a1, new_a1}, {b2, new_b2}, {b1, reshape(new_b1, {8})}, {a2, reshape(new_a2, {8})}})));
  EXPECT_LE(groupable_updates(g).size(), 1u);
  const Graph grouped = group_updates(g);
  const Function f({}, {}, grouped.updates, {.fuse = false});
  const Tensor expected = tanh(sin(b2.value()));
  f({});
  EXPECT_TRUE(identical(a2.value(), expected));
}

TEST(GroupUpdates, AreBoundedByAKernelsParameters) {
  const Momentum step(std::vector<std::int64_t>(600, 4));  // 6 pointers and 4 numbers each: 409 fit
  const auto groups = groupable_updates(step.fused());
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].size(), 409u);
  EXPECT_EQ(groups[1].size(), 191u);
}

/// Two equal random steps in one.
struct Twice {
  RandomStep one, other;
  explicit Twice(unsigned seed) : one(seed), other(seed) {}
  Values inputs() const { return {one.x, other.x}; }
  Values outputs() const {
    Values all = one.outputs;
    all.insert(all.end(), other.outputs.begin(), other.outputs.end());
    return all;
  }
  Updates updates() const {
    Updates all = one.updates;
    all.insert(all.end(), other.updates.begin(), other.updates.end());
    return all;
  }
};

TEST(GroupUpdates, RandomGraphsComputeTheSame) {
  const Tensors given{counted({6, 8}, -0.9f, 0.03f), counted({6, 8}, 0.8f, -0.02f)};
  std::size_t groups = 0;
  for (unsigned seed = 0; seed < 200 && !::testing::Test::HasFailure(); ++seed) {
    const Twice plain(seed), step(seed);
    const Graph fused = fuse_elementwise(simplify(lower(step.outputs(), step.updates())));
    groups += groupable_updates(fused).size();
    const Graph grouped = group_updates(fused);
    const Tensors got = Function(step.inputs(), grouped.outputs, grouped.updates, {.fuse = false})(given);
    const Tensors expected = Function(plain.inputs(), plain.outputs(), plain.updates())(given);
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(identical(got[i], expected[i])) << "seed " << seed;
    for (auto [a, b] : {std::pair(&step.one, &plain.one), std::pair(&step.other, &plain.other)}) {
      EXPECT_TRUE(identical(a->a.value(), b->a.value())) << "seed " << seed;
      EXPECT_TRUE(identical(a->b.value(), b->b.value())) << "seed " << seed;
    }
  }
  EXPECT_GT(groups, 50u);
}

TEST(GroupUpdates, TheGeneratedKernelComputesTheSame) {
  const Momentum step({7, 3000, 64});
  const std::vector<NodePtr> members = groupable_updates(step.fused()).at(0);
  HostKernels kernels;
  const int kernel = kernels.add(tile_programs_of(*members[0]).at(0), 3);
  kernels.compile();
  const Tensor x = Tensor::from<float>({}, {0.125f});
  std::vector<TileSegment> segments;
  std::vector<Tensors> results;
  for (const NodePtr& node : members) {
    TileSegment s;
    for (const Value& v : node->inputs()) {
      const auto *read = v.node()->op().as<ReadVariable>();
      const auto *number = v.node()->op().as<Constant>();
      s.inputs.push_back(read ? read->variable.value().raw() : number ? number->tensor.raw() : x.raw());
    }
    results.emplace_back();
    for (const Type& t : node->types()) results.back().emplace_back(t.dtype, t.shape);
    for (Tensor& t : results.back()) s.outputs.push_back(t.mutable_raw());
    s.count = static_cast<std::uint64_t>(node->types()[0].shape.elements());
    segments.push_back(s);
  }
  kernels.run(kernel, segments);
  Function({step.x}, {}, step.updates)({x});
  for (std::size_t i = 0; i < members.size(); ++i)
    for (const Tensor& t : results[i]) {
      const auto got = numbers(t), w = numbers(step.w[i].value()), m = numbers(step.m[i].value());
      const auto& expected = std::abs(got[0] - w[0]) < std::abs(got[0] - m[0]) ? w : m;
      for (std::size_t k = 0; k < got.size(); ++k) ASSERT_NEAR(got[k], expected[k], 1e-5) << i;
    }
}

}  // namespace
}  // namespace strata
