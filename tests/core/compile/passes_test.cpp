// What the passes make of graphs, seen in the steps of plans.
#include "core/compile/graph.h"
#include "core/ops/matmul.h"
#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {
using namespace testing;

const PlanOptions unfused{.fuse = false};

std::size_t steps_of(const Values& in, const Values& out, const PlanOptions& options = unfused) {
  return Function(in, out, {}, options).plan().steps().size();
}

TEST(Simplify, MergesEqualOpsOnEqualInputs) {
  const Value x = placeholder({4});
  EXPECT_EQ(steps_of({x}, {exp(x) + exp(x)}), 2u);
  EXPECT_EQ(steps_of({x}, {sum(x, {0}) + sum(x, {0})}), 2u);
  EXPECT_EQ(steps_of({x}, {sum(x, {0}) + sum(x, {-1})}), 3u) << "attributes differ";
  EXPECT_EQ(steps_of({x}, {exp(x * 2.0) * (x * 2.0)}), 3u) << "constants of one content are one";
  EXPECT_EQ(steps_of({x}, {exp(x * 2.0) * (x * 3.0)}), 4u);
  const Variable w("w", counted({4})), v("v", counted({4}));
  EXPECT_EQ(steps_of({x}, {exp(Value(w)) + exp(Value(w))}), 2u);
  EXPECT_EQ(steps_of({x}, {exp(Value(w)) + exp(Value(v))}), 3u);
  EXPECT_EQ(steps_of({x}, {max(top_k(x, 2)[0]) + min(top_k(x, 2)[0])}), 4u) << "several outputs";
}

TEST(Simplify, DropsWhatHasNoInfluence) {
  const Value x = placeholder({4});
  EXPECT_EQ(steps_of({x}, {exp(identity(x))}), 1u);
  EXPECT_EQ(steps_of({x}, {exp(stop_gradient(x) * 1.0 + 0.0)}), 1u);
  EXPECT_EQ(steps_of({x}, {exp(x / 1.0 - 0.0)}), 1u);
  EXPECT_EQ(steps_of({x}, {exp(apply(Cast{DType::f32}, x))}), 1u);
  EXPECT_EQ(steps_of({x}, {exp(in_layer("layer", [&] { return x * 1.0; }))}), 1u);
  EXPECT_EQ(steps_of({x}, {exp(x + constant(Tensor::from<float>({3, 1}, {0, 0, 0})))}), 2u)
      << "zeros that broadcast have influence";
  EXPECT_EQ(steps_of({x}, {exp(x * constant(floats({1, 1}, {1})))}), 2u) << "a factor of one that adds an axis";
}

TEST(Simplify, DeadCodeIsNotRun) {
  const Value x = placeholder({4});
  const Value unused = exp(x);
  EXPECT_TRUE(bool(unused));
  EXPECT_EQ(ops_of(Function({x}, {neg(x)}).plan()), Names{"neg"});
}

TEST(FuseElementwise, AChainIsOneStep) {
  const Value x = placeholder({5, 7}), b = placeholder({7});
  const Value y = tanh(exp(x + b) * 0.5) - x;
  const Function fused({x, b}, {y}), plain({x, b}, {y}, {}, node_by_node);
  EXPECT_EQ(ops_of(fused.plan()), Names{"fused(add, exp, multiply, tanh, subtract)"});
  EXPECT_EQ(plain.plan().steps().size(), 5u);
  const Tensors in{counted({5, 7}, -1, 0.05f), counted({7}, -0.3f, 0.1f)};
  EXPECT_EQ(numbers(fused(in)[0]), numbers(plain(in)[0]));
}

TEST(FuseElementwise, SeveralResultsLeave) {
  const Value x = placeholder({9});
  const Value a = exp(x), b = a + 1.0, c = b * a;
  const Function f({x}, {a, c, sum(b)});
  EXPECT_EQ(ops_of(f.plan()), (Names{"fused(exp, add, multiply)", "sum"}));
  EXPECT_EQ(f.plan().steps()[0].out.size(), 3u);
  const Tensors in{counted({9}, -1, 0.2f)};
  const Tensors plain = Function({x}, {a, c, sum(b)}, {}, node_by_node)(in), fused = f(in);
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(numbers(fused[i]), numbers(plain[i]));
}

TEST(FuseElementwise, NoCycleThroughAReduction) {
  // exp(x) feeds a sum, whose result meets exp(x) again: the two elementwise ops around it may not be one kernel.
  const Value x = placeholder({3, 8});
  const Value e = exp(x), y = e / sum(e, {1}, {.keepdims = true});
  const Function f({x}, {y});
  EXPECT_EQ(ops_of(f.plan()), (Names{"exp", "sum", "divide"}));
  // The same with a longer way round, and ops on either side of it.
  const Value before = exp(x) * 2.0, round = reshape(sum(reshape(before, {24}), {0}, {.keepdims = true}), {1, 1});
  const Value after = tanh(before - round) + before;
  const Function g({x}, {after}), plain({x}, {after}, {}, node_by_node);
  EXPECT_EQ(ops_of(g.plan()), (Names{"fused(exp, multiply)", "sum", "fused(subtract, tanh, add)"}));
  const Tensors in{counted({3, 8}, -1, 0.1f)};
  EXPECT_EQ(numbers(g(in)[0]), numbers(plain(in)[0]));
}

TEST(FuseElementwise, AUserBetweenTheMembersInProgramOrder) {
  const Value x = placeholder({16});
  const Value a = x + 1.0, s = sum(a), b = a * 2.0;  // s is made between a and b, which go together
  const Value c = exp(b) + s;
  const Function f({x}, {c, s}), plain({x}, {c, s}, {}, node_by_node);
  const Tensors in{counted({16}, 0, 0.01f)};
  const Tensors fused = f(in), expected = plain(in);
  EXPECT_EQ(numbers(fused[0]), numbers(expected[0]));
  EXPECT_EQ(numbers(fused[1]), numbers(expected[1]));
  const Graph twice = fuse_elementwise(fuse_elementwise({{c, s}, {}}));  // a pass takes what a pass gives
  EXPECT_EQ(nodes(twice).size(), nodes(fuse_elementwise({{c, s}, {}})).size());
}

TEST(FuseElementwise, LongChainsAreCut) {
  const Value x = placeholder({10});
  Value y = x;
  for (int i = 0; i < 300; ++i) y = tanh(y) + x;
  const Function f({x}, {y}), plain({x}, {y}, {}, node_by_node);
  EXPECT_GE(f.plan().steps().size(), 2u);
  EXPECT_LE(f.plan().steps().size(), 20u);
  const Tensors in{counted({10}, -1, 0.2f)};
  EXPECT_EQ(numbers(f(in)[0]), numbers(plain(in)[0]));
}

TEST(FuseEpilogues, BiasAndReluJoinTheProduct) {
  const Value x = placeholder({5, 4});
  const Variable w("w", counted({4, 3}, -1, 0.2f)), b("b", counted({3}, -0.5f, 0.3f));
  const Value y = relu(matmul(x, w) + b);
  const Function fused({x}, {y}), plain({x}, {y}, {}, node_by_node);
  EXPECT_EQ(ops_of(fused.plan()), Names{"matmul"});
  EXPECT_EQ(ops_of(plain.plan()), (Names{"matmul", "add", "relu"}));
  const Tensors in{counted({5, 4}, -2, 0.2f)};
  const auto got = numbers(fused(in)[0]), expected = numbers(plain(in)[0]);
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5);
}

TEST(FuseEpilogues, NotWhenSomebodyElseLooksBetween) {
  const Value x = placeholder({5, 4}), w = placeholder({4, 3}), b = placeholder({3});
  const Value product = matmul(x, w), biased = product + b;
  EXPECT_EQ(ops_of(Function({x, w, b}, {relu(biased), product}).plan()), (Names{"matmul", "fused(add, relu)"}));
  EXPECT_EQ(ops_of(Function({x, w, b}, {relu(biased), biased}).plan()), (Names{"matmul", "relu"}));
  EXPECT_EQ(ops_of(Function({x, w, b}, {relu(biased), sum(product)}).plan()).size(), 3u);
}

TEST(FuseEpilogues, OnlyAVectorOverTheLastAxis) {
  const Value x = placeholder({5, 4}), w = placeholder({4, 5}), column = placeholder({5, 1}),
              matrix = placeholder({5, 5});
  EXPECT_EQ(steps_of({x, w, column}, {matmul(x, w) + column}, {}), 2u);
  EXPECT_EQ(steps_of({x, w, matrix}, {matmul(x, w) + matrix}, {}), 2u);
  EXPECT_EQ(steps_of({x, w, matrix}, {relu(matmul(x, w)) + matrix}, {}), 2u) << "the relu joins, the sum does not";
  // Bias after relu is not what the epilogue does.
  const Value b = placeholder({5});
  const Value y = relu(matmul(x, w)) + b;
  const Function f({x, w, b}, {y}), plain({x, w, b}, {y}, {}, node_by_node);
  const Tensors in{counted({5, 4}, -2, 0.2f), counted({4, 5}, -1, 0.1f), counted({5}, -3, 1)};
  const auto got = numbers(f(in)[0]), expected = numbers(plain(in)[0]);
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5);
}

TEST(Simplify, WideningAndBackIsNothing) {
  const Value x = placeholder({4}, DType::bf16), wide = placeholder({4});
  EXPECT_EQ(steps_of({x}, {exp(cast(cast(x, DType::f32), DType::bf16))}), 1u);
  EXPECT_EQ(steps_of({wide}, {exp(cast(cast(wide, DType::bf16), DType::f32))}), 3u) << "this one rounds";
}

TEST(Memory, IsReusedAndResultsStay) {
  const Value x = placeholder({64, 64});
  Value y = x;
  for (int i = 0; i < 10; ++i) y = transpose(tanh(y) + 0.5);
  const Function reusing({x}, {sum(y)}), plain({x}, {sum(y)}, {}, node_by_node);
  const std::size_t one = 64 * 64 * sizeof(float);
  EXPECT_LE(reusing.plan().arena_bytes(), 4 * one);
  EXPECT_GE(plain.plan().arena_bytes(), 29 * one);
  const Tensors in{counted({64, 64}, -1, 0.001f)};
  EXPECT_EQ(numbers(reusing(in)[0]), numbers(plain(in)[0]));
}

TEST(Memory, AKernelWritesOverAnInputThatNobodyReadsAgain) {
  const Value x = placeholder({1000});
  const Value in_place = sum(exp(neg(transpose(x) + 1.0)));
  const Function reusing({x}, {in_place}, {}, {.fuse = false}), plain({x}, {in_place}, {}, node_by_node);
  const auto& steps = reusing.plan().steps();
  const auto overwrites = std::count_if(steps.begin(), steps.end(), [](const PlanStep& s) {
    return s.out[0].kind == Place::Kind::arena && s.in[0].kind == Place::Kind::arena &&
           s.in[0].offset == s.out[0].offset;
  });
  EXPECT_GE(overwrites, 2) << reusing.plan().dump();
  const Tensors in{counted({1000}, -1, 0.001f)};
  EXPECT_EQ(numbers(reusing(in)[0]), numbers(plain(in)[0]));
}

}  // namespace
}  // namespace strata
