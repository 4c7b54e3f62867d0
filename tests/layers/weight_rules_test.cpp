#include <gtest/gtest.h>

#include <cmath>

#include "core/graph/gradients.h"
#include "core/ops/reduce.h"
#include "layers/constraints.h"
#include "layers/regularizers.h"
#include "tests/layers/layer_testing.h"

// Values and gradients of Keras 3.15.1 (TensorFlow backend, f32).
namespace strata {
namespace {

using testing::expect_error;
using testing::expect_values;

const std::vector<float> weight  // [5,4]
    {0.7125637f,  -1.66699f,  -0.7426079f, 1.403168f,   -1.261197f,  0.1931077f,  0.689047f,
     -1.767084f,  0.2227686f, 0.4768107f,  -0.3961827f, -0.8698706f, 1.324926f,   1.576438f,
     -0.8929613f, 0.4423599f, 0.7258555f,  1.22597f,    -1.427979f,  -0.09060809f};

void expect_penalty(const Regularizer& r, float value, const std::vector<float>& gradient) {
  const Value w = placeholder({5, 4});
  const Value penalty = r(w);
  const Tensors out = Function({w}, {penalty, gradients(penalty, {w})[0]})({Tensor::from({5, 4}, weight)});
  EXPECT_NEAR(out[0].item<float>(), value, 2e-6f * value) << r.class_name();
  expect_values(out[1], gradient, 2e-6f);
}

Tensor project(const Constraint& c, const Tensor& w) {
  const Value x = placeholder(w.shape());
  return Function({x}, {c.projection()(x)})({w})[0];
}

TEST(Regularizers, AgreeWithKeras) {
  expect_penalty(regularizers::L1(0.2), 3.621699f, {0.2f,  -0.2f, -0.2f, 0.2f, -0.2f, 0.2f, 0.2f, -0.2f, 0.2f,  0.2f,
                                                    -0.2f, -0.2f, 0.2f,  0.2f, -0.2f, 0.2f, 0.2f, 0.2f,  -0.2f, -0.2f});
  expect_penalty(regularizers::L2(0.3), 6.460107f,
                 {0.4275382f,  -1.000194f, -0.4455647f, 0.8419008f,  -0.7567182f, 0.1158646f,  0.4134282f,
                  -1.060251f,  0.1336612f, 0.2860864f,  -0.2377097f, -0.5219224f, 0.7949558f,  0.9458629f,
                  -0.5357768f, 0.2654159f, 0.4355133f,  0.7355818f,  -0.8567871f, -0.05436486f});
  expect_penalty(regularizers::L1L2(0.05, 0.1), 3.058794f,
                 {0.1925127f,  -0.3833981f, -0.1985216f, 0.3306336f,  -0.3022394f, 0.08862154f, 0.1878094f,
                  -0.4034169f, 0.09455372f, 0.1453621f,  -0.1292365f, -0.2239741f, 0.3149853f,  0.3652877f,
                  -0.2285922f, 0.138472f,   0.1951711f,  0.2951939f,  -0.3355957f, -0.06812162f});
  expect_penalty(regularizers::OrthogonalRegularizer(0.3), 0.1431149f,
                 {-0.0130763f,   -0.00925215f,  0.02039021f,  0.006439987f, 0.001321825f, -0.004470704f, 0.005574498f,
                  0.0007417221f, -0.009075509f, 0.03218919f,  0.007184386f, 0.01204785f,  -0.003695384f, 0.004469883f,
                  -0.004212013f, -0.01336364f,  0.004906359f, 0.007958638f, 0.009632696f, -0.004822213f});
}

TEST(Regularizers, OrthogonalColumnsAreFree) {
  const Tensor identity = Tensor::from({2, 2}, {1.0f, 0.0f, 0.0f, 3.0f});
  const Value w = placeholder({2, 2});
  for (const char* mode : {"rows", "columns"})
    EXPECT_EQ(Function({w}, {regularizers::OrthogonalRegularizer(0.1, mode)(w)})({identity})[0].item<float>(), 0.0f);
}

TEST(Regularizers, NamesConfigsErrors) {
  EXPECT_EQ(Regularizer("l1").class_name(), "L1");
  EXPECT_EQ(Regularizer("L2").config().at("l2").as_double(), 0.01);
  EXPECT_EQ(Regularizer("l1_l2").class_name(), "L1L2");
  EXPECT_EQ(Regularizer("OrthogonalRegularizer").config().at("mode").as_string(), "rows");
  EXPECT_FALSE(Regularizer());
  expect_error([] { Regularizer("foo"); }, "Could not interpret regularizer identifier: foo");
  expect_error([] { regularizers::L2(-1); },
               "Invalid value for argument l2: expected a non-negative float. Received: l2=-1");
  expect_error([] { regularizers::OrthogonalRegularizer(0.1, "rose"); }, "Received: mode=rose");
  expect_error([] { regularizers::OrthogonalRegularizer()(placeholder({3})); },
               "must have rank 2. Received: inputs.shape=(3,)");
}

TEST(Constraints, AgreeWithKeras) {
  const Tensor w = Tensor::from({5, 4}, weight);
  expect_values(project(constraints::MaxNorm({.max_value = 1.2}), w),
                {0.4062459f,  -0.7543721f, -0.4444707f, 0.6844477f, -0.719032f,  0.08738807f, 0.4124131f,
                 -0.8619615f, 0.1270046f,  0.2157737f,  -0.237126f, -0.424312f,  0.7553653f,  0.713394f,
                 -0.5344612f, 0.2157776f,  0.4138238f,  0.5547946f, -0.8546834f, -0.04419749f});
  expect_values(project(constraints::MaxNorm({.max_value = 0.8, .axis = 1}), w),
                {0.2365591f,  -0.5534126f, -0.2465333f, 0.465828f,   -0.4413856f, 0.06758259f, 0.2411482f,
                 -0.6184327f, 0.1633275f,  0.3495837f,  -0.2904696f, -0.6377638f, 0.4633183f,  0.5512704f,
                 -0.3122628f, 0.1546904f,  0.2875803f,  0.485723f,   -0.5657579f, -0.03589847f});
  expect_values(project(constraints::NonNeg(), w),
                {0.7125637f, 0.0f, 0.0f,      1.403168f, 0.0f, 0.1931077f, 0.689047f,  0.0f,     0.2227686f, 0.4768107f,
                 0.0f,       0.0f, 1.324926f, 1.576438f, 0.0f, 0.4423599f, 0.7258555f, 1.22597f, 0.0f,       0.0f});
  expect_values(project(constraints::MinMaxNorm({.min_value = 0.2, .max_value = 0.8, .rate = 0.6}), w),
                {0.4475238f, -0.968545f, -0.4748315f, 0.8350463f,  -0.7920915f, 0.1121983f,  0.4405841f,
                 -1.051618f, 0.1399093f, 0.2770337f,  -0.2533235f, -0.5176731f, 0.8321167f,  0.9159329f,
                 -0.570969f, 0.263255f,  0.4558717f,  0.7123057f,  -0.9130648f, -0.05392224f});
}

TEST(Constraints, UnitNormOfEachFilter) {
  std::vector<float> kernel;
  for (int i = 0; i < 3 * 2 * 4 * 3; ++i) kernel.push_back(std::sin(static_cast<float>(i)));
  const Tensor y = project(constraints::UnitNorm({.axis = {0, 1, 2}}), Tensor::from({3, 2, 4, 3}, kernel));
  for (int filter = 0; filter < 3; ++filter) {
    float length = 0, original = 0;
    for (int i = 0; i < 24; ++i) {
      length += y.at<float>(3 * i + filter) * y.at<float>(3 * i + filter);
      original += kernel[static_cast<std::size_t>(3 * i + filter)] * kernel[static_cast<std::size_t>(3 * i + filter)];
    }
    EXPECT_NEAR(length, 1.0f, 1e-5f);
    EXPECT_NEAR(y.at<float>(filter) * std::sqrt(original), kernel[static_cast<std::size_t>(filter)], 1e-5f);
  }
}

TEST(Constraints, NamesConfigsErrors) {
  for (const char* name : {"max_norm", "MaxNorm"}) EXPECT_EQ(Constraint(name).class_name(), "MaxNorm");
  EXPECT_EQ(Constraint("non_neg").class_name(), "NonNeg");
  EXPECT_EQ(Constraint("max_norm").config().at("axis").as_int(), 0);
  EXPECT_EQ(constraints::UnitNorm({.axis = {0, 1, 2}}).config().at("axis").as_list().size(), 3u);
  EXPECT_FALSE(Constraint());
  expect_error([] { Constraint("foo"); }, "Could not interpret constraint identifier: foo");
}

}  // namespace
}  // namespace strata
