// Sums over replicas in buckets: what the pass makes of graphs, where the plan lays operands, and that the numbers are
// right.
#include "core/compile/bucket_reductions.h"

#include <map>

#include "core/ops/all_reduce.h"
#include "tests/core/compile/compile_testing.h"
#include "tests/distributed/replica_threads.h"

namespace strata {
namespace {
using namespace testing;

Value deferred(const Value& x) { return apply(AllReduce{true}, x); }

std::size_t count_of(const Plan& plan, const std::string& op) {
  const auto ops = ops_of(plan);
  return static_cast<std::size_t>(std::count(ops.begin(), ops.end(), op));
}

/// The outputs of a graph on each of two replicas, whose inputs are 1 and 2 times these.
std::vector<Tensors> on_two_replicas(const Values& in, const Graph& graph, const Tensors& inputs,
                                     PlanOptions options = {}) {
  auto group = group_of(2);
  std::vector<Tensors> outputs(2);
  const auto errors = on_all(group, [&](Communicator& c) {
    PlanOptions own = options;
    own.communicator = group.communicator(c.rank());
    Executable step(Plan::compile(in, graph, own), std::make_shared<ArenaPool>());
    Tensors scaled;
    for (const Tensor& t : inputs) scaled.push_back(t * static_cast<float>(c.rank() + 1));
    outputs[static_cast<std::size_t>(c.rank())] = step.run(scaled);
  });
  for (const std::string& e : errors) EXPECT_EQ(e, "");
  return outputs;
}

std::shared_ptr<const Plan> plan_of_one(const Values& in, const Graph& graph, PlanOptions options = {}) {
  auto group = group_of(2);
  options.communicator = group.communicator(0);
  return Plan::compile(in, graph, options);
}

/// Every graph here is linear in its inputs but for a square, so that what two replicas add up to is known.
void expect_sums(const Values& in, const Values& outputs, const Tensors& inputs,
                 const std::vector<std::vector<float>>& sums) {
  for (const bool fuse : {true, false})
    for (const bool reuse : {true, false}) {
      const auto results = on_two_replicas(in, {outputs, {}}, inputs, {.fuse = fuse, .reuse_memory = reuse});
      for (const Tensors& of_replica : results)
        for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(numbers(of_replica[i]), sums[i]) << fuse << reuse << i;
    }
}

TEST(BucketReductions, SumsOfOneBucketAreOneExchange) {
  const Value x = placeholder({5}), y = placeholder({3});
  const Values out{deferred(x * x), deferred(y * y) * 2.0};
  expect_sums({x, y}, out, {counted({5}), counted({3}, 1)}, {{0, 5, 20, 45, 80}, {10, 40, 90}});
  const auto plan = plan_of_one({x, y}, {out, {}});
  EXPECT_EQ(count_of(*plan, "side_by_side"), 1u);
  EXPECT_EQ(count_of(*plan, "all_reduce"), 1u);
}

TEST(BucketReductions, OperandsAreMadeSideBySideInOneBuffer) {
  const Value x = placeholder({5}), y = placeholder({3});
  const Variable a("a", zeros({5})), b("b", zeros({3}));
  const auto plan = plan_of_one({x, y}, {{}, {{a, deferred(exp(x))}, {b, deferred(tanh(y))}}});
  for (const PlanStep& step : plan->steps()) {
    if (step.op != "side_by_side") continue;
    ASSERT_EQ(step.in.size(), 2u);
    EXPECT_EQ(step.in[0].offset, step.out[0].offset);
    EXPECT_EQ(step.in[1].offset, step.out[0].offset + 64) << "the second begins where kernels may";
  }
  EXPECT_EQ(plan->arena_bytes(), 128u) << "operands and sums are the same memory";
  EXPECT_NE(plan->dump().find("side_by_side"), std::string::npos) << plan->dump();
}

TEST(BucketReductions, WhatOthersNeedIsCopied) {
  const Value x = placeholder({4}), y = placeholder({2, 2});
  const Value doubled = x + x;
  // Used twice, a leaf, and through a view.
  const Values out{deferred(doubled) + doubled, deferred(y), deferred(reshape(square(y), {4}))};
  const auto results = on_two_replicas({x, y}, {out, {}}, {counted({4}), counted({2, 2})});
  EXPECT_EQ(numbers(results[0][0]), (std::vector<float>{0, 8, 16, 24}));
  EXPECT_EQ(numbers(results[1][0]), (std::vector<float>{0, 10, 20, 30}));
  for (const Tensors& r : results) {
    EXPECT_EQ(numbers(r[1]), (std::vector<float>{0, 3, 6, 9}));
    EXPECT_EQ(numbers(r[2]), (std::vector<float>{0, 5, 20, 45}));
  }
}

TEST(BucketReductions, ASumThatDependsOnAnotherIsInALaterBucket) {
  const Value x = placeholder({2});
  const Value first = deferred(x), second = deferred(first * x), third = deferred(x * 3.0);
  expect_sums({x}, {first, second, third}, {floats({2}, {1, 2})}, {{3, 6}, {9, 36}, {9, 18}});
  EXPECT_EQ(count_of(*plan_of_one({x}, {{first, second, third}, {}}), "all_reduce"), 2u);
}

TEST(BucketReductions, ASumMayBeNeededBeforeTheLastOperandIsMade) {
  // In program order the product with the first sum comes before the second operand.
  const Value x = placeholder({2});
  const Value first = deferred(x), used = first * 10.0, second = deferred(exp(x * 0.0));
  expect_sums({x}, {used, second}, {floats({2}, {1, 2})}, {{30, 60}, {2, 2}});
  EXPECT_EQ(count_of(*plan_of_one({x}, {{used, second}, {}}), "all_reduce"), 1u);
}

TEST(BucketReductions, ElementTypesAreApart) {
  const Value x = placeholder({3}), i = placeholder({2}, DType::i64);
  const Values out{deferred(x * 2.0), deferred(i + i)};
  const auto plan = plan_of_one({x, i}, {out, {}});
  EXPECT_EQ(count_of(*plan, "all_reduce"), 2u);
}

TEST(BucketReductions, AFullBucketIsFollowedByAnother) {
  std::vector<Value> inputs, sums;
  for (int k = 0; k < 7; ++k) inputs.push_back(placeholder({16}));  // 64 bytes each
  for (const Value& x : inputs) sums.push_back(deferred(exp(x)));
  const Graph g = bucket_reductions({sums, {}}, {.first = 64, .others = 192});
  std::map<const Node*, int> parts;
  for (const Value& v : g.outputs) ++parts[v.node()->input(0).node().get()];
  std::vector<int> counts;
  for (const NodePtr& node : nodes(g))
    if (node->op().as<AllReduce>()) counts.push_back(parts.at(node.get()));
  EXPECT_EQ(counts, (std::vector<int>{1, 3, 3}));
}

TEST(BucketReductions, AreSmallerWhereNumbersPassThroughTheProcessor) {
  const std::int64_t three_mib = 3 << 18;
  const Value x = placeholder({three_mib});
  const Values sums{deferred(exp(x)), deferred(tanh(x)), deferred(x + 1.0)};
  const auto plan = plan_of_one({x}, {sums, {}});
  EXPECT_EQ(count_of(*plan, "all_reduce"), 3u);
  EXPECT_EQ(bucket_reductions({sums, {}}).outputs[1].node()->input(0).type().bytes(), std::size_t{6} << 20)
      << "with the default sizes the second and the third share one";
}

TEST(BucketReductions, ABucketComesAsSoonAsItsLastOperandIsThere) {
  const Value x = placeholder({64, 64});
  const Value early = matmul(x, x), first = deferred(early), late = matmul(early, matmul(early, early)),
              second = deferred(late);
  const Graph g{{}, {{Variable("a", zeros({64, 64})), first}, {Variable("b", zeros({64, 64})), second}}};
  auto group = group_of(2);
  const auto plan =
      Plan::compile({x}, bucket_reductions(g, {.first = 1, .others = 1}), {.communicator = group.communicator(0)});
  const auto ops = ops_of(*plan);
  const auto at = [&](const std::string& op, std::ptrdiff_t from) {
    return std::find(ops.begin() + from, ops.end(), op) - ops.begin();
  };
  EXPECT_LT(at("all_reduce", 0), at("matmul", at("matmul", 0) + 1)) << "before the products that follow its operand\n"
                                                                    << plan->dump();
}

TEST(BucketReductions, SumsThatAreNotDeferredKeepTheirOrder) {
  // The short one is ready first, and results of a few bytes go first; the order of the program stays.
  const Value x = placeholder({100}), s = placeholder({1});
  const Value large = apply(AllReduce{}, exp(x)), small = apply(AllReduce{}, exp(s));
  const auto plan = plan_of_one({x, s}, {{large, small}, {}});
  std::vector<std::size_t> bytes;
  for (const PlanStep& step : plan->steps())
    if (step.op == "all_reduce") bytes.push_back(step.signature.inputs[0].bytes());
  EXPECT_EQ(bytes, (std::vector<std::size_t>{400, 4}));
}

TEST(BucketReductions, WithoutReplicasNothingIsExchanged) {
  const Value x = placeholder({4});
  const Function alone({x}, {deferred(x * 2.0)});
  EXPECT_EQ(numbers(alone({counted({4})})[0]), (std::vector<float>{0, 2, 4, 6}));
  EXPECT_EQ(count_of(alone.plan(), "all_reduce"), 0u);
}

TEST(BucketReductions, ExchangesAreNotRepeatedToSaveMemory) {
  const Value x = placeholder({64, 64});
  Value y = x;
  Values kept;  // each second can be computed again from the one before, and that only by an exchange
  for (int k = 0; k < 6; ++k) {
    const Value sum_of_all = apply(AllReduce{}, matmul(y, x));
    y = tanh(sum_of_all);
    kept.insert(kept.end(), {sum_of_all, y});
  }
  Value total = y;
  for (auto it = kept.rbegin(); it != kept.rend(); ++it) total = matmul(total, *it);
  const auto whole = plan_of_one({x}, {{total}, {}}, {.fuse = false});
  const auto less = plan_of_one({x}, {{total}, {}}, {.fuse = false, .memory_limit = whole->peak_bytes() - 4 * 64 * 64});
  EXPECT_TRUE(less->recomputation().has_value());
  EXPECT_EQ(count_of(*less, "all_reduce"), count_of(*whole, "all_reduce"));
}

}  // namespace
}  // namespace strata
