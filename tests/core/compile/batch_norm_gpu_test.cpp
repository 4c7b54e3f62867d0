// Blocks of networks on a GPU: what batch norms take over there, in f32 and in mixed precision.
#include <cmath>

#include "tests/core/compile/compile_testing.h"

namespace strata {
namespace {
using namespace testing;

const Device gpu{DeviceKind::gpu, 0};

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (config::list_physical_devices("gpu").empty()) GTEST_SKIP() << config::why_no_gpu();
  }
};
/// In f32 and in the compute types of mixed precision.
class BatchNormOnGpu : public OnGpu, public ::testing::WithParamInterface<DType> {};
using BatchNormInferenceOnGpu = OnGpu;

/// A training step: an image, weights in f32, and the gradients of a loss with respect to the weights.
struct Step {
  DType compute;  ///< of the layers; batch norms are in f32, as everywhere in mixed precision
  Values inputs, weights, outputs = {};
  Tensors in = {};

  explicit Step(DType type) : compute(type) { image = input({2, 6, 6, 8}, -1, 0.01f); }
  Value image;

  Value input(const Shape& shape, float first, float step) {
    Tensor t = counted(shape, first, step);
    for (float& x : t.mutable_data<float>()) x = std::sin(7 * x);
    inputs.push_back(placeholder(shape));
    in.push_back(t);
    return inputs.back();
  }
  Value weight(const Shape& shape, float first) {
    weights.push_back(input(shape, first, 0.03f));
    return weights.back();
  }
  Value conv(const Value& x, std::int64_t channels, std::int64_t size, std::int64_t stride = 1) {
    const Value kernel = weight({size, size, x.shape().back(), channels}, 0.2f);
    return conv2d(cast(x, compute), cast(kernel, compute), {.strides = {stride, stride}, .padding = Padding::same});
  }
  Value norm(const Value& x) {
    const Shape channels{x.shape().back()};
    const Value y = batch_norm(cast(x, DType::f32), weight(channels, 0.1f), weight(channels, -0.2f)).output;
    return cast(y, compute);
  }
  void finish(const Value& y) {
    const Value loss = sum(cast(y, DType::f32) * input(y.shape(), 0.4f, 0.02f));
    outputs = gradients(loss, weights);
    outputs.insert(outputs.begin(), loss);
  }

  Function on(Device device) const {
    PlanOptions options;
    options.device = device;
    return Function(inputs, outputs, {}, options);
  }
};

/// What a ResNet is made of: two or three convolutions, and what came in added to the last batch norm.
Step residual_block(DType compute, bool projects) {
  Step s(compute);
  const Value x = cast(s.image, compute), past = projects ? s.norm(s.conv(x, 8, 1)) : x;
  const Value inner = relu(s.norm(s.conv(x, 8, 1)));
  s.finish(relu(past + s.norm(s.conv(inner, 8, 3))));
  return s;
}

/// What Xception's entry is made of: here the sum belongs to the batch norm beside the path, and no ReLU follows it.
Step entry_block(DType compute) {
  Step s(compute);
  const Value x = cast(s.image, compute), past = s.norm(s.conv(x, 8, 1, 2));
  const Value inner = s.norm(s.conv(relu(s.norm(s.conv(x, 8, 3))), 8, 3));
  s.finish(max_pool2d(inner, {.size = {3, 3}, .strides = {2, 2}, .padding = Padding::same}) + past);
  return s;
}

/// The larger difference of two results, beside the largest number in them.
double difference(const Tensor& a, const Tensor& b) {
  double apart = 0, largest = 1e-3;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    apart = std::max(apart, std::abs(a.at<double>(i) - b.at<double>(i)));
    largest = std::max(largest, std::abs(b.at<double>(i)));
  }
  return apart / largest;
}

/// The steps of the GPU's plan: its results are the processor's, and the same in every run, recorded or not.
Names checked(const Step& step) {
  const Function there = step.on(gpu), here = step.on(Device{});
  const Tensors expected = here(step.in);
  const double tolerance = step.compute == DType::f32 ? 1e-4 : step.compute == DType::f16 ? 2e-2 : 1e-1;
  Tensors first;
  for (int run = 0; run < 4; ++run) {
    Tensors got;
    for (const Tensor& t : there(step.in)) got.push_back(t.on_host());
    if (first.empty()) first = got;
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(numbers(got[i]), numbers(first[i])) << "run " << run << ", output " << i;
      EXPECT_LT(difference(cast(got[i], DType::f64), cast(expected[i], DType::f64)), tolerance) << "output " << i;
    }
  }
  return ops_of(there.plan());
}

std::size_t count(const Names& ops, const std::string& part) {
  return static_cast<std::size_t>(
      std::count_if(ops.begin(), ops.end(), [&](const std::string& op) { return op.find(part) != std::string::npos; }));
}

std::string listed(const Names& ops) {
  std::string all;
  for (const std::string& op : ops) all += op + "\n";
  return all;
}

TEST_P(BatchNormOnGpu, AResidualBlock) {
  for (const bool projects : {false, true}) {
    const Names ops = checked(residual_block(GetParam(), projects));
    const std::size_t norms = projects ? 3 : 2;
    EXPECT_EQ(count(ops, "batch_norm"), 2 * norms) << listed(ops);  // with the gradients
    // Of activations and sums only the gradient of the ReLU behind the sum is left; of casts those of what came in, of
    // the kernels and of their gradients.
    EXPECT_EQ(count(ops, "relu"), 1u) << listed(ops);
    EXPECT_EQ(count(ops, "add"), 0u) << listed(ops);
    const std::size_t casts = GetParam() == DType::f32 ? 0 : 1 + 2 * norms;
    EXPECT_EQ(ops.size(), (projects ? 16 : 12) + casts) << listed(ops);
  }
}

TEST_P(BatchNormOnGpu, AnEntryBlock) {
  const Names ops = checked(entry_block(GetParam()));
  EXPECT_EQ(count(ops, "batch_norm"), 6u) << listed(ops);
  EXPECT_EQ(count(ops, "relu"), 0u) << listed(ops);
  EXPECT_EQ(count(ops, "add"), 0u) << listed(ops);
  EXPECT_EQ(ops.size(), GetParam() == DType::f32 ? 18u : 18u + 7) << listed(ops);
}

INSTANTIATE_TEST_SUITE_P(Types, BatchNormOnGpu, ::testing::Values(DType::f32, DType::f16, DType::bf16),
                         [](const auto& type) { return std::string(to_string(type.param)); });

/// With given statistics a batch norm is an expression: what is done to an image is one generated kernel.
TEST_F(BatchNormInferenceOnGpu, IsOneKernelForVectorsAndOneForTheImage) {
  const Value x = placeholder({2, 6, 6, 8}), other = placeholder({2, 6, 6, 8});
  const Value gamma = placeholder({8}), beta = placeholder({8}), mean = placeholder({8}), variance = placeholder({8});
  const Value y = clip(relu(batch_norm_inference(x, gamma, beta, mean, variance) + other), 0.0, 6.0);
  PlanOptions options;
  options.device = gpu;
  const Function f({x, other, gamma, beta, mean, variance}, {y}, {}, options);
  EXPECT_EQ(ops_of(f.plan()).size(), 2u) << f.plan().dump();
}

}  // namespace
}  // namespace strata
