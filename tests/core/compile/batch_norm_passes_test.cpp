// What the passes make of batch norms, seen in the steps of plans.
#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {
using namespace testing;

/// A convolution of an image of `size` by `size` and a batch norm with given statistics, in f32 or in mixed precision.
struct NormalizedConv {
  Value x, w, b, gamma, beta, mean, variance, conv, y;
  Tensors in;
  NormalizedConv(std::int64_t size, DType compute, bool biased) {
    x = placeholder({2, size, size, 3}), w = placeholder({3, 3, 3, 4}), b = placeholder({4});
    gamma = placeholder({4}), beta = placeholder({4}), mean = placeholder({4}), variance = placeholder({4});
    conv = conv2d(cast(x, compute), cast(w, compute), {});
    if (biased) conv = conv + cast(b, compute);
    y = relu(cast(batch_norm_inference(cast(conv, DType::f32), gamma, beta, mean, variance, 1e-3), compute));
    in = {counted({2, size, size, 3}, -1, 0.01f),
          counted({3, 3, 3, 4}, -0.5f, 0.01f),
          counted({4}, 0.2f, -0.3f),
          counted({4}, 0.5f, 0.4f),
          counted({4}, -0.4f, 0.4f),
          counted({4}, 0.3f, 0.1f),
          counted({4}, 0.7f, 0.2f)};
  }
  Values inputs() const { return {x, w, b, gamma, beta, mean, variance}; }
};

TEST(FoldScales, ABatchNormBecomesKernelAndBias) {
  for (const DType compute : {DType::f32, DType::bf16})
    for (const bool biased : {false, true}) {
      const NormalizedConv net(12, compute, biased);
      const Function folded(net.inputs(), {net.y}), plain(net.inputs(), {net.y}, {}, node_by_node);
      EXPECT_EQ(ops_of(folded.plan()).back(), "conv2d") << folded.plan().dump();
      const auto got = numbers(cast(folded(net.in)[0], DType::f32)),
                 expected = numbers(cast(plain(net.in)[0], DType::f32));
      const float tolerance = compute == DType::f32 ? 1e-5f : 0x1p-6f;
      for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], expected[i], tolerance * std::max(1.0f, expected[i]));
    }
}

TEST(FoldScales, NotWhenTheKernelIsTheLargerOne) {
  const NormalizedConv net(4, DType::f32, false);
  EXPECT_EQ(ops_of(Function(net.inputs(), {net.y}).plan()).back().rfind("fused(", 0), 0u);
}

TEST(FoldScales, NotWhenSomebodyElseLooksBetween) {
  const NormalizedConv net(12, DType::f32, false);
  const Function both(net.inputs(), {net.y, net.conv}), plain(net.inputs(), {net.y, net.conv}, {}, node_by_node);
  const Tensors got = both(net.in), expected = plain(net.in);
  EXPECT_EQ(numbers(got[1]), numbers(expected[1]));
  // A scale of the image's rows is none of its channels.
  const Value rows = placeholder({10, 1}), shift = placeholder({4});
  const Function f({net.x, net.w, rows, shift}, {net.conv * rows + shift});
  EXPECT_EQ(ops_of(f.plan()), (Names{"conv2d", "fused(multiply, add)"}));
}

TEST(NarrowBatchNorm, CastsJoinForwardsAndBackwards) {
  const Value x = placeholder({40, 3}, DType::bf16), gamma = placeholder({3}), beta = placeholder({3}),
              g = placeholder({40, 3}, DType::bf16);
  const auto norm = batch_norm(cast(x, DType::f32), gamma, beta);
  const Value y = clip(relu(cast(norm.output, DType::bf16)), 0.0, 1.25);
  const Values in_graph{x, gamma, beta, g}, slopes = gradients({y}, {g}, {x, gamma, beta});
  const Tensors in{cast(counted({40, 3}, -2, 0.03f), DType::bf16), counted({3}, 0.5f, 0.5f), counted({3}, -0.4f, 0.4f),
                   cast(counted({40, 3}, 1, -0.02f), DType::bf16)};
  const auto compare = [&](const Values& outputs) {
    const Function fused(in_graph, outputs);
    const Tensors got = fused(in), expected = Function(in_graph, outputs, {}, node_by_node)(in);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto a = numbers(cast(got[i], DType::f32)), b = numbers(cast(expected[i], DType::f32));
      const float unit = got[i].dtype() == DType::bf16 ? 0x1p-7f : 1e-5f;
      for (std::size_t k = 0; k < a.size(); ++k)
        EXPECT_NEAR(a[k], b[k], unit * std::max(1.0f, std::abs(b[k]))) << i << ", " << k;
    }
    return ops_of(fused.plan());
  };
  EXPECT_EQ(compare({y, norm.mean, norm.variance, slopes[0], slopes[1], slopes[2]}),
            (Names{"batch_norm", "batch_norm_gradient"}));
  // Somebody looks at the f32 form of the result.
  const Names ops = compare({y, sum(norm.output)});
  EXPECT_NE(std::find(ops.begin(), ops.end(), "cast"), ops.end());
}

TEST(FuseBatchNorm, ReluJoinsForwardsAndBackwards) {
  const Value x = placeholder({40, 3}), gamma = placeholder({3}), beta = placeholder({3}), g = placeholder({40, 3});
  const auto norm = batch_norm(x, gamma, beta);
  const Value y = relu(norm.output), loss = sum(y * g);
  const Values slopes = gradients(loss, {x, gamma, beta});
  const Values outputs{loss, norm.mean, norm.variance, slopes[0], slopes[1], slopes[2]};
  const Function fused({x, gamma, beta, g}, outputs), plain({x, gamma, beta, g}, outputs, {}, node_by_node);
  for (const std::string& op : ops_of(fused.plan()))
    EXPECT_EQ(op.find("relu"), std::string::npos) << fused.plan().dump();
  const Tensors in{counted({40, 3}, -2, 0.03f), counted({3}, 0.5f, 0.5f), counted({3}, -0.4f, 0.4f),
                   counted({40, 3}, 1, -0.02f)};
  const Tensors got = fused(in), expected = plain(in);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto a = numbers(got[i]), b = numbers(expected[i]);
    for (std::size_t k = 0; k < a.size(); ++k)
      EXPECT_NEAR(a[k], b[k], 1e-5 * std::max(1.0f, std::abs(b[k]))) << i << ", " << k;
  }
}

TEST(FuseBatchNorm, ACeilingJoinsToo) {
  const Value x = placeholder({40, 3}), gamma = placeholder({3}), beta = placeholder({3}), g = placeholder({40, 3});
  const Value inner = relu(batch_norm(x, gamma, beta).output), y = clip(inner, 0.0, 1.25);
  const Values in_graph{x, gamma, beta, g}, slopes = gradients(sum(y * g), {x, gamma, beta});
  const Tensors in{counted({40, 3}, -2, 0.03f), counted({3}, 0.5f, 0.5f), counted({3}, -0.4f, 0.4f),
                   counted({40, 3}, 1, -0.02f)};
  const auto compare = [&](const Values& outputs) {
    const Function fused(in_graph, outputs);
    const Tensors got = fused(in), expected = Function(in_graph, outputs, {}, node_by_node)(in);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto a = numbers(got[i]), b = numbers(expected[i]);
      for (std::size_t k = 0; k < a.size(); ++k)
        EXPECT_NEAR(a[k], b[k], 1e-5 * std::max(1.0f, std::abs(b[k]))) << i << ", " << k;
    }
    return ops_of(fused.plan());
  };
  EXPECT_EQ(compare({y}), Names{"batch_norm"});
  EXPECT_EQ(compare({y, slopes[0], slopes[1], slopes[2]}),
            (Names{"batch_norm", "fused(broadcast_to, multiply)", "batch_norm_gradient"}));
  EXPECT_EQ(compare({y, inner}), (Names{"batch_norm", "clip"})) << "somebody looks between the ReLU and the clip";
  EXPECT_EQ(compare({y, inner, slopes[0]}).front(), "batch_norm");
  // The gradient of the clip alone is wanted, too.
  compare({y, slopes[0], gradients(sum(y * g), {inner})[0]});
}

/// Two batch norms of x, of which one is added to the other or to something else, and what a step needs of them.
struct SummedNorms {
  Value x = placeholder({40, 3}), gamma = placeholder({3}), beta = placeholder({3}), other = placeholder({40, 3}),
        g = placeholder({40, 3});
  Tensors in{counted({40, 3}, -2, 0.03f), counted({3}, 0.5f, 0.5f), counted({3}, -0.4f, 0.4f),
             counted({40, 3}, 1, -0.02f), counted({40, 3}, 0.7f, -0.01f)};
  Values inputs() const { return {x, gamma, beta, other, g}; }
  Value norm() const { return batch_norm(x, gamma, beta).output; }

  /// The ops of a plan whose results are those of every node run by itself.
  Names compare(const Values& outputs) const {
    const Function fused(inputs(), outputs), plain(inputs(), outputs, {}, node_by_node);
    const Tensors got = fused(in), expected = plain(in);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto a = numbers(got[i]), b = numbers(expected[i]);
      for (std::size_t k = 0; k < a.size(); ++k)
        EXPECT_NEAR(a[k], b[k], 1e-5 * std::max(1.0f, std::abs(b[k]))) << i << ", " << k;
    }
    return ops_of(fused.plan());
  }
};

TEST(FuseBatchNorm, ASumAndTheReluBehindItJoin) {
  const SummedNorms net;
  for (const Value& y :
       {net.norm() + net.other, net.other + net.norm(), relu(net.norm() + net.other), relu(net.other + net.norm())})
    EXPECT_EQ(net.compare({y}), Names{"batch_norm"});
  const Value sum = net.norm() + net.other;
  EXPECT_EQ(net.compare({sum, relu(sum)}), (Names{"batch_norm", "relu"})) << "somebody looks at the sum";
  EXPECT_EQ(net.compare({clip(relu(net.norm() + net.other), 0.0, 0.5)}), (Names{"batch_norm", "clip"}));
  EXPECT_EQ(net.compare({relu(net.norm()) + net.other}), (Names{"batch_norm", "add"})) << "a ReLU before the sum";
  EXPECT_EQ(net.compare({relu(relu(clip(relu(net.norm()), 0.0, 0.5)))}), (Names{"batch_norm", "fused(relu, relu)"}));
  EXPECT_EQ(net.compare({net.norm() + mean(net.other, {0})}).back(), "add") << "one that broadcasts";
}

TEST(FuseBatchNorm, TheGradientOfASumIsTheReluAlone) {
  const SummedNorms net;
  const Value y = relu(net.norm() + net.other);
  const Values slopes = gradients({y}, {net.g}, {net.x, net.gamma, net.beta, net.other});
  EXPECT_EQ(net.compare({y, slopes[0], slopes[1], slopes[2], slopes[3]}),
            (Names{"batch_norm", "relu_gradient", "batch_norm_gradient"}));
}

TEST(FuseBatchNorm, OfTwoNormsTheLaterTakesTheSum) {
  const SummedNorms net;
  const Value first = net.norm(), second = batch_norm(net.other, net.beta, net.gamma).output;
  const Function f(net.inputs(), {relu(second + first)});
  ASSERT_EQ(ops_of(f.plan()), (Names{"batch_norm", "batch_norm"})) << f.plan().dump();
  EXPECT_EQ(f.plan().steps()[0].signature.inputs.size(), 3u);
  EXPECT_EQ(f.plan().steps()[1].signature.inputs.size(), 4u);
  net.compare({relu(second + first)});
}

TEST(FuseBatchNorm, WhatIsAddedMayBeMadeLater) {
  const SummedNorms net;
  const auto norm = batch_norm(net.x, net.gamma, net.beta);
  const Value follows = norm.mean * 0.9;  // comes before what is added, and reads what then comes after it
  const Value later = exp(transpose(transpose(net.other) * 0.5));
  const Names ops = net.compare({norm.output + later, follows});
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "batch_norm"), 1);
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "add"), 0);
}

TEST(FuseBatchNorm, NotWhenWhatIsAddedNeedsTheNorm) {
  const SummedNorms net;
  const auto norm = batch_norm(net.x, net.gamma, net.beta);
  EXPECT_EQ(net.compare({norm.output + broadcast_to(norm.mean, {40, 3})}).front(), "batch_norm");
  EXPECT_EQ(net.compare({norm.output + norm.output}).size(), 2u);
  // Each of two sums needs a statistic of the other's batch norm: one of them may join.
  const auto other = batch_norm(net.other, net.gamma, net.beta);
  const Value a = norm.output + sum(other.mean) * net.g, b = other.output + sum(norm.mean) * net.g;
  const Names ops = net.compare({a, b});
  EXPECT_EQ(std::count(ops.begin(), ops.end(), "batch_norm"), 2);
  EXPECT_GT(ops.size(), 4u);
}

TEST(FuseBatchNorm, NotWhenSomebodyElseLooksBetween) {
  const Value x = placeholder({8, 3}), gamma = placeholder({3}), beta = placeholder({3});
  const auto norm = batch_norm(x, gamma, beta);
  EXPECT_EQ(ops_of(Function({x, gamma, beta}, {relu(norm.output), norm.output}).plan()), (Names{"batch_norm", "relu"}));
  EXPECT_EQ(ops_of(Function({x, gamma, beta}, {relu(norm.mean)}).plan()), (Names{"batch_norm", "relu"}));
  EXPECT_EQ(ops_of(Function({x, gamma, beta}, {relu(norm.output)}).plan()), Names{"batch_norm"});
  // The gradient of the ReLU alone is wanted, too.
  const Value y = relu(norm.output), masked = gradients(sum(y), {norm.output})[0];
  const Function f({x, gamma, beta}, {gradients(sum(y), {x})[0], masked});
  const Tensors in{counted({8, 3}, -2, 0.2f), counted({3}, 1, 0.5f), counted({3}, 0, 0.4f)};
  const Tensors got = f(in),
                expected = Function({x, gamma, beta}, {gradients(sum(y), {x})[0], masked}, {}, node_by_node)(in);
  EXPECT_EQ(numbers(got[1]), numbers(expected[1]));
}

}  // namespace
}  // namespace strata
