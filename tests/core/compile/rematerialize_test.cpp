#include "core/compile/rematerialize.h"

#include <cstring>

#include "core/compile/cost.h"
#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {

using testing::error_of;
using testing::ops_of;

bool same_bits(const Tensors& a, const Tensors& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i)
    same = a[i].type() == b[i].type() && std::memcmp(a[i].raw(), b[i].raw(), a[i].bytes()) == 0;
  return same;
}

/// Products with small weights and tanh between: the backward pass wants all results of the forward pass. Wide enough
/// that these, not the weights, are what memory is for.
struct Chain {
  explicit Chain(int layers, std::int64_t samples = 2000) : x(placeholder({samples, width})) {
    Value y = x;
    for (int i = 0; i < layers; ++i) {
      weights.emplace_back("w" + std::to_string(i), random::normal({width, width}) / 4.0f);
      y = tanh(matmul(y, Value(weights.back())));
    }
    const Value loss = mean(square(y));
    outputs = gradients(loss, Values(weights.begin(), weights.end()));
    outputs.push_back(loss);
  }
  Function compiled(std::size_t limit) const { return Function({x}, outputs, {}, {.memory_limit = limit}); }

  static constexpr std::int64_t width = 16;
  Value x;
  Variables weights;
  Values outputs;
};

TEST(Rematerialize, ComputesTheSameBitsWithLessMemory) {
  utils::set_random_seed(1);
  const Chain chain(16);
  const Function whole = chain.compiled(0);
  EXPECT_FALSE(whole.plan().recomputation());
  const std::size_t peak = whole.plan().peak_bytes();
  const Tensor x = random::normal({2000, Chain::width});
  const Tensors expected = whole({x});
  for (const double share : {0.9, 0.75, 0.6, 0.5}) {
    const Function less = chain.compiled(static_cast<std::size_t>(share * static_cast<double>(peak)));
    EXPECT_LE(static_cast<double>(less.plan().peak_bytes()), share * static_cast<double>(peak));
    ASSERT_TRUE(less.plan().recomputation()) << share;
    EXPECT_EQ(less.plan().recomputation()->bytes_without, peak);
    EXPECT_GT(less.plan().recomputation()->operations, 0u);
    EXPECT_GT(less.plan().recomputation()->share, 0.0);
    EXPECT_LT(less.plan().recomputation()->share, 0.5);
    EXPECT_EQ(less.plan().flops(), whole.plan().flops());
    EXPECT_TRUE(same_bits(less({x}), expected)) << share;
  }
}

TEST(Rematerialize, WhatIsComputedAgainWaitsForItsFirstUser) {
  const Chain chain(8);
  const Function whole = chain.compiled(0);
  const Function function = chain.compiled(whole.plan().peak_bytes() * 3 / 4);
  const auto& steps = function.plan().steps();
  EXPECT_EQ(ops_of(function.plan()).size(), ops_of(whole.plan()).size() + function.plan().recomputation()->operations);
  bool backward = false;
  std::size_t again = 0;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    backward = backward || steps[s].gradient;
    if (!steps[s].again) continue;
    ++again;
    EXPECT_TRUE(backward) << function.plan().dump();
    // The next step reads it: what is made again is of no use before.
    ASSERT_LT(s + 1, steps.size());
    const auto& in = steps[s + 1].in;
    EXPECT_TRUE(std::any_of(in.begin(), in.end(), [&](const Place& p) {
      return p.kind == Place::Kind::arena && p.offset == steps[s].out[0].offset;
    })) << function.plan().dump();
  }
  EXPECT_EQ(again, function.plan().recomputation()->operations);
  EXPECT_NE(function.plan().dump().find("(again)"), std::string::npos);
  EXPECT_NE(function.plan().dump().find("operations are computed again"), std::string::npos);
}

TEST(Rematerialize, WithoutALimitWhatIsCheapForItsMemoryIsComputedAgain) {
  const Chain large(12, 600'000);  // compiled, not run
  const auto recomputation = [](const Chain& chain, double rate) {
    const Function function({chain.x}, chain.outputs, {}, {.cheap_repetition = rate});
    if (const auto& found = function.plan().recomputation()) {
      const double left = static_cast<double>(function.plan().peak_bytes()) / static_cast<double>(found->bytes_without);
      EXPECT_GE(1 - left, rate * found->share) << rate;
    }
    return function.plan().recomputation();
  };
  EXPECT_TRUE(recomputation(large, 0.5));
  EXPECT_FALSE(recomputation(large, 1e6));
  EXPECT_FALSE(recomputation(Chain(12), 0.5));  // not worth the search
}

TEST(Rematerialize, IsLeftAloneWhereThePlanFits) {
  const Chain chain(4);
  const std::size_t peak = chain.compiled(0).plan().peak_bytes();
  const Function function = chain.compiled(peak);
  EXPECT_FALSE(function.plan().recomputation());
  EXPECT_EQ(function.plan().peak_bytes(), peak);
}

TEST(Rematerialize, SaysWhatIsNeededWhereNothingHelps) {
  const Chain chain(4);
  const std::string error = error_of([&] { chain.compiled(1000); });
  EXPECT_NE(error.find("even with everything computed again that lowers its peak"), std::string::npos) << error;
  EXPECT_NE(error.find("memory_limit is 1000 bytes"), std::string::npos) << error;
  // What it says is needed is enough.
  const std::size_t at = error.find("needs ");
  ASSERT_NE(at, std::string::npos);
  const std::size_t least = std::stoull(error.substr(at + 6));
  EXPECT_LE(chain.compiled(least).plan().peak_bytes(), least);
}

/// Masks are drawn anew, and a variable that the step changes is read before it changes.
TEST(Rematerialize, DrawsTheSameMasksAndReadsVariablesOfBeforeTheStep) {
  utils::set_random_seed(2);
  const Tensor input = random::normal({4000, 16});
  const Tensor start = random::normal({16, 16}) / 4.0f;
  const auto run = [&](double share) {
    const Variable state("state", Tensor::from<std::int64_t>({2}, {7, 0}));
    Variables weights;
    const Value x = placeholder({4000, 16});
    Value y = x;
    for (int i = 0; i < 6; ++i) {
      weights.emplace_back("w" + std::to_string(i), start.clone());
      y = tanh(apply(Dropout{.rate = 0.25, .stream = static_cast<std::uint32_t>(i)}, matmul(y, Value(weights.back())),
                     Value(state)));
    }
    const Value loss = mean(square(y));
    const Values g = gradients(loss, Values(weights.begin(), weights.end()));
    Updates updates{{state, Value(state) + constant(Tensor::from<std::int64_t>({2}, {0, 1}))}};
    for (std::size_t i = 0; i < weights.size(); ++i) updates.push_back({weights[i], Value(weights[i]) - g[i]});
    const std::size_t peak = Function({x}, {loss}, updates).plan().peak_bytes();
    const Function step({x}, {loss}, updates,
                        {.memory_limit = static_cast<std::size_t>(share * static_cast<double>(peak))});
    EXPECT_EQ(step.plan().recomputation().has_value(), share < 1);
    Tensors results;
    for (int i = 0; i < 3; ++i) results.push_back(step({input})[0]);
    for (const Variable& w : weights) results.push_back(w.value());
    results.push_back(state.value());
    return results;
  };
  const Tensors expected = run(1);
  EXPECT_TRUE(same_bits(run(0.6), expected));
}

TEST(EstimatedCost, OfProductsAndConvolutionsByTheirFormulas) {
  const auto flops = [](const Value& v) { return estimated_cost(*v.node()).flops; };
  EXPECT_EQ(flops(matmul(placeholder({5, 7}), placeholder({7, 3}))), 2.0 * 5 * 7 * 3);
  EXPECT_EQ(flops(matmul(placeholder({7, 5}), placeholder({7, 3}), {.transpose_a = true})), 2.0 * 5 * 7 * 3);
  const Value x = placeholder({2, 8, 8, 4}), w = placeholder({3, 3, 4, 6}), y = conv2d(x, w);
  const double products = 2.0 * (2 * 6 * 6 * 6) * (3 * 3 * 4);
  EXPECT_EQ(flops(y), products);
  const Values g = gradients(sum(y * y), {x, w});
  EXPECT_EQ(flops(g[0]), products);
  EXPECT_EQ(flops(g[1]), products);
  EXPECT_EQ(flops(depthwise_conv2d(x, placeholder({3, 3, 4, 2}))), 2.0 * (2 * 6 * 6 * 8) * 9);
  EXPECT_EQ(flops(conv3d(placeholder({1, 4, 4, 4, 2}), placeholder({2, 2, 2, 2, 3}))), 2.0 * (27 * 3) * (8 * 2));
}

TEST(ProductFlops, OfAPlanAreThoseOfItsProductsAndConvolutions) {
  const Value x = placeholder({2, 8, 8, 4}), w = placeholder({3, 3, 4, 6}), v = placeholder({6, 5});
  const double convolution = 2.0 * (2 * 6 * 6 * 6) * (3 * 3 * 4), product = 2.0 * (2 * 6 * 6) * 6 * 5;
  EXPECT_EQ(product_flops(*exp(x).node()), 0);
  const auto plan = Plan::compile({x, w, v}, lower({exp(matmul(relu(conv2d(x, w)), v))}, {}));
  EXPECT_EQ(plan->flops(), convolution + product);
  for (const PlanStep& step : plan->steps())
    EXPECT_EQ(step.flops, step.op == "conv2d" ? convolution : step.op == "matmul" ? product : 0) << step.op;
}

TEST(EstimatedCost, OfTheRestByElementsAndBytes) {
  const Value x = placeholder({10, 20}, DType::f16);
  const Cost cost = estimated_cost(*exp(x).node());
  EXPECT_EQ(cost.flops, 200);
  EXPECT_EQ(cost.bytes, 800);
  EXPECT_EQ(cost.time(), 800);  // memory is what it waits for
  EXPECT_EQ((Cost{.flops = 1e6, .bytes = 10}).time(), 1e5);
}

}  // namespace
}  // namespace strata
