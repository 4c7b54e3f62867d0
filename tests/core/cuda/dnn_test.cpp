// Convolutions of a GPU against the ops' on the processor, in double.
#include "core/cuda/dnn.h"

#include "core/base/error.h"
#include "core/ops/conv3d.h"
#include "core/ops/conv_common.h"
#include "tests/core/cuda/gpu_arrays.h"

namespace strata::cuda {
namespace {
using namespace strata::testing;

class Dnn : public WithGpu {};
constexpr std::array floats = {DType::f32, DType::f64, DType::f16, DType::bf16};

/// Runs a plan, recorded and replayed as well, which must give the same bits. Inputs in the plan's order.
std::vector<GpuArray> results(const ConvProblem& p, const std::vector<Tensor>& inputs, const DnnOptions& options = {}) {
  Cuda& gpu = Cuda::of(0);
  const DnnPlan plan = DnnPlan::make(gpu.target(), p, options);
  const Workspace workspace(plan.workspace_bytes());
  std::vector<GpuArray> given, made, again;
  std::vector<void*> first, second;
  for (const Tensor& t : inputs) given.emplace_back(t);
  std::size_t next = 0;
  for (const Operand& o : operands(p)) {
    if (o.written) {
      made.emplace_back(o.type), again.emplace_back(o.type);
      first.push_back(made.back().data()), second.push_back(again.back().data());
    } else {
      first.push_back(given.at(next).data()), second.push_back(given.at(next).data());
      ++next;
    }
  }
  EXPECT_EQ(next, inputs.size());
  {
    const Cuda::Use use(gpu);
    plan.run(gpu, first, workspace.data());
    const Graph graph(gpu.stream(), [&] { plan.run(gpu, second, workspace.data()); });
    graph.launch(gpu.stream());
  }
  EXPECT_TRUE(workspace.intact()) << to_string(p);
  for (std::size_t i = 0; i < made.size(); ++i) EXPECT_EQ(made[i].bytes(), again[i].bytes()) << to_string(p);
  return made;
}

/// [sizes..., C, F] to [F, sizes..., C].
Tensor filters_first(const Tensor& w) {
  Axes axes{w.shape().rank() - 1};
  for (int axis = 0; axis < w.shape().rank() - 1; ++axis) axes.push_back(axis);
  return transpose(w, axes);
}

template <std::size_t N>
struct Ops;
template <>
struct Ops<2> {
  using Forward = Conv2D;
  using DataGradient = Conv2DDataGradient;
  using WeightGradient = Conv2DWeightGradient;
};
template <>
struct Ops<3> {
  using Forward = Conv3D;
  using DataGradient = Conv3DDataGradient;
  using WeightGradient = Conv3DWeightGradient;
};

template <std::size_t N>
ConvProblem problem_of(const Window<N>& window, const Tensor& x, const Tensor& w) {
  ConvProblem p;
  p.dtype = x.dtype();
  p.x = x.shape(), p.w = filters_first(w).shape(), p.y = conv_detail::output_shape(window, x.shape(), w.shape());
  p.strides.assign(window.strides.begin(), window.strides.end());
  p.dilation.assign(window.dilation.begin(), window.dilation.end());
  for (std::size_t axis = 0; axis < N; ++axis)
    p.padding_before.push_back(conv_detail::padding_before(window, x.shape(), w.shape(), axis));
  return p;
}

/// All passes, and what may be fused to the forward one. `w` in Keras's order.
template <std::size_t N>
void check_convolution(const Window<N>& window, const Shape& x_shape, const Shape& w_shape, DType dtype) {
  const Tensor x = noise(dtype, x_shape, 1), w = noise(dtype, w_shape, 2), bias = noise(dtype, {w_shape.back()}, 3);
  ConvProblem p = problem_of(window, x, w);
  const Tensor dy = noise(dtype, p.y, 4);
  const auto wide = [](const Tensor& t) { return cast(t, DType::f64); };
  const auto check_one = [&](const std::vector<Tensor>& inputs, const Tensor& expected) {
    expect_close(results(p, inputs).at(0).values(), expected, tolerance(dtype), to_string(p));
  };
  const Tensor y = apply(typename Ops<N>::Forward{window, {}}, wide(x), wide(w));
  for (const bool with_bias : {false, true})
    for (const bool relu : {false, true}) {
      p.bias = with_bias, p.relu = relu;
      std::vector<Tensor> inputs{x, filters_first(w)};
      if (with_bias) inputs.push_back(bias);
      const Tensor sum = with_bias ? y + wide(bias) : y;
      check_one(inputs, relu ? maximum(sum, 0.0) : sum);
    }
  p.bias = p.relu = false;
  p.pass = ConvPass::data_gradient;
  check_one({dy, filters_first(w)}, apply(typename Ops<N>::DataGradient{window, x_shape}, wide(dy), wide(w)));
  p.pass = ConvPass::weight_gradient;
  check_one({x, dy}, filters_first(apply(typename Ops<N>::WeightGradient{window, w_shape}, wide(x), wide(dy))));
}

TEST_F(Dnn, ConvolutionsOfImages) {
  for (const DType dtype : floats) {
    check_convolution(Window2D{}, {2, 6, 5, 3}, {3, 3, 3, 4}, dtype);
    check_convolution(Window2D{.padding = Padding::same}, {2, 6, 5, 8}, {3, 3, 8, 16}, dtype);
    check_convolution(Window2D{.strides = {2, 2}, .padding = Padding::same}, {2, 8, 7, 8}, {3, 3, 8, 8},
                      dtype);  // one more at the end
    check_convolution(Window2D{.padding = Padding::same}, {1, 5, 6, 2}, {2, 4, 2, 3}, dtype);
    check_convolution(Window2D{.strides = {3, 2}}, {2, 9, 8, 4}, {2, 3, 4, 8},
                      dtype);  // the last rows are not looked at
    check_convolution(Window2D{.padding = Padding::same, .dilation = {2, 3}}, {1, 9, 8, 4}, {3, 2, 4, 4}, dtype);
    check_convolution(Window2D{.dilation = {2, 1}}, {1, 9, 8, 4}, {3, 2, 4, 4}, dtype);
    check_convolution(Window2D{}, {2, 1, 1, 5}, {1, 1, 5, 1}, dtype);
    check_convolution(Window2D{.strides = {2, 2}, .padding = Padding::same}, {2, 5, 5, 8}, {1, 1, 8, 4}, dtype);
  }
}

TEST_F(Dnn, ConvolutionsOfGroups) {
  for (const DType dtype : floats) {
    check_convolution(Window2D{.padding = Padding::same, .groups = 2}, {2, 5, 4, 6}, {3, 3, 3, 4}, dtype);
    check_convolution(Window2D{.strides = {2, 2}, .padding = Padding::same, .groups = 6}, {2, 5, 4, 6}, {3, 3, 1, 12},
                      dtype);
  }
}

TEST_F(Dnn, ConvolutionsOfVolumes) {
  for (const DType dtype : floats) {
    check_convolution(Window<3>{.padding = Padding::same}, {1, 4, 5, 3, 2}, {3, 3, 3, 2, 4}, dtype);
    check_convolution(Window<3>{.strides = {2, 1, 2}, .padding = Padding::same}, {2, 4, 3, 5, 2}, {2, 3, 2, 2, 3},
                      dtype);
    check_convolution(Window<3>{.dilation = {2, 1, 1}}, {1, 5, 4, 4, 2}, {2, 2, 2, 2, 2}, dtype);
  }
}

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

ConvProblem small() {
  return {.x = {2, 5, 5, 8},
          .w = {16, 3, 3, 8},
          .y = {2, 5, 5, 16},
          .strides = {1, 1},
          .dilation = {1, 1},
          .padding_before = {1, 1}};
}

TEST_F(Dnn, WrongAddressesAreRefused) {
  Cuda& gpu = Cuda::of(0);
  const DnnPlan plan = DnnPlan::make(gpu.target(), small());
  const GpuArray array(noise(DType::f32, {1000}, 1));
  auto* odd = static_cast<std::byte*>(array.data()) + 4;
  const Cuda::Use use(gpu);
  EXPECT_NE(message_of([&] {
              plan.run(gpu, std::array{array.data(), array.data()}, nullptr);
            }).find("expected 3 addresses; received 2"),
            std::string::npos);
  const std::string message = message_of([&] {
    plan.run(gpu, std::array<void*, 3>{array.data(), odd, array.data()}, nullptr);
  });
  EXPECT_NE(message.find("expected addresses that are multiples of 16"), std::string::npos) << message;
}

TEST(DnnProblem, HasAText) {
  ConvProblem p = small();
  p.dtype = DType::f16, p.bias = p.relu = p.tensor_float_32 = true;
  EXPECT_EQ(
      to_string(p),
      "conv2d forward f16 x[2,5,5,8] w[16,3,3,8] y[2,5,5,16] strides[1,1] dilation[1,1] padding[1,1] bias relu tf32");
}

TEST(DnnProblem, ImpossibleOnesAreErrors) {
  const auto with = [](auto&& change) {
    ConvProblem p = small();
    change(p);
    return message_of([&] { check(p); });
  };
  EXPECT_EQ(with([](ConvProblem&) {}), "no error");
  EXPECT_NE(with([](ConvProblem& p) { p.dtype = DType::i32; }).find("expected a floating type; received i32"),
            std::string::npos);
  EXPECT_NE(with([](ConvProblem& p) { p.y[1] = 2; }).find("as large as the window's positions"), std::string::npos);
  EXPECT_NE(with([](ConvProblem& p) { p.w[3] = 3; }).find("sizes that do not fit"), std::string::npos);
  EXPECT_NE(with([](ConvProblem& p) { p.strides = {1}; }).find("one stride, dilation and padding per axis"),
            std::string::npos);
  EXPECT_NE(with([](ConvProblem& p) { p.dilation[0] = 0; }).find("dilation of at least 1"), std::string::npos);
  EXPECT_NE(with([](ConvProblem& p) { p.x = {2, 5, 8}; }).find("of rank 4 or 5"), std::string::npos);
  EXPECT_NE(with([](ConvProblem& p) { p.pass = ConvPass::data_gradient, p.bias = true; }).find("forward pass only"),
            std::string::npos);
}

TEST(DnnProblem, PaddingAtTheEndFollowsFromTheOutput) {
  ConvProblem p{.x = {1, 8, 9, 1},
                .w = {1, 3, 3, 1},
                .y = {1, 4, 3, 1},
                .strides = {2, 3},
                .dilation = {1, 1},
                .padding_before = {0, 0}};
  EXPECT_EQ(p.padding_after(0), 1);  // 'same' of an even size
  EXPECT_EQ(p.padding_after(1), 0);
}

}  // namespace
}  // namespace strata::cuda
