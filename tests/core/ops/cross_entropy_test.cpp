#include "core/ops/cross_entropy.h"

#include <limits>

#include "core/ops/reduce.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

const std::vector<float> logits{0.0f, 0.69314718f, 1.60943791f, 100.0f, 0.0f, -100.0f};  // softmax 1/8, 2/8, 5/8; 1, 0, 0

TEST(CrossEntropy, Sparse) {
  const Tensor x = floats({2, 3}, logits);
  for (const Tensor& labels : {Tensor::from<std::int32_t>({2}, {1, 2}), Tensor::from<std::int64_t>({2}, {1, 2}),
                               Tensor::from<std::uint8_t>({2}, {1, 2})})
    expect_near(sparse_softmax_cross_entropy(labels, x), {1.3862943611, 200});
  const Tensor scalar = sparse_softmax_cross_entropy(Tensor::scalar<std::int32_t>(0), floats({2}, {0, 0}));
  EXPECT_EQ(scalar.shape(), (Shape{}));
  EXPECT_NEAR(scalar.item<float>(), 0.6931471806, 1e-6);
}

TEST(CrossEntropy, SparseGradient) {
  const Tensor labels = Tensor::from<std::int32_t>({2}, {1, 2});
  const auto loss = [&](const Values& v) { return sparse_softmax_cross_entropy(constant(labels), v[0]); };
  expect_near(gradients_of(loss, {floats({2, 3}, logits)}, floats({2}, {1, 2}))[0], {0.125, -0.75, 0.625, 2, 0, -2});
  check_gradient(loss, {doubles({2, 3}, {0.4, -1.2, 2.0, 0.3, 0.9, -0.5})});
}

TEST(CrossEntropy, LabelsOutsideOfTheClasses) {
  const Tensor x = floats({4, 3}, std::vector<float>(12, 0.0f));
  const auto run = [&](const Tensor& labels) { return error_of([&] { sparse_softmax_cross_entropy(labels, x); }); };
  EXPECT_EQ(run(Tensor::from<std::int32_t>({4}, {0, 2, 3, -1})),
            "[sparse_softmax_cross_entropy] expected labels in [0, 3), the number of classes; received label 3 at index 2");
  EXPECT_EQ(run(Tensor::from<std::int64_t>({4}, {0, -1, 3, 1})),
            "[sparse_softmax_cross_entropy] expected labels in [0, 3), the number of classes; received label -1 at index 1");
  EXPECT_NE(error_of([&] {
              apply(SparseSoftmaxCrossEntropyGradient{}, Tensor::from<std::uint8_t>({4}, {0, 0, 0, 200}), x,
                    floats({4}, {1, 1, 1, 1}));
            }).find("received label 200 at index 3"),
            std::string::npos);
}

TEST(CrossEntropy, Dense) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor t = floats({2, 3}, {0, 0.5f, 0.5f, 1, 0, 0});
  expect_near(softmax_cross_entropy(t, floats({2, 3}, logits)), {0.9281489926, 0});
  expect_near(softmax_cross_entropy(t, floats({2, 3}, {-inf, 0, 0, 0, -inf, -inf})), {0.6931471806, 0});
  check_gradient([](const Values& v) { return softmax_cross_entropy(v[0], v[1]); },
                 {doubles({2, 3}, {0.2, 0.5, 0.4, 1.0, 0.1, 0.3}), doubles({2, 3}, {0.4, -1.2, 2.0, 0.3, 0.9, -0.5})});
}

TEST(CrossEntropy, Sigmoid) {
  expect_near(sigmoid_cross_entropy(floats({4}, {1, 0, 1, 0.5f}), floats({4}, {0, 2, -100, 100})),
              {0.6931471806, 2.1269280110, 100, 50});
  check_gradient([](const Values& v) { return sigmoid_cross_entropy(v[0], v[1]); },
                 {doubles({3}, {0.2, 0.5, 0.9}), doubles({3}, {0.4, -1.2, 2.0})});
}

TEST(CrossEntropy, SecondDerivatives) {
  const Tensor x = doubles({2, 3}, {0.4, -1.2, 2.0, 0.3, 0.9, -0.5}), t = doubles({2, 3}, {0.2, 0.5, 0.4, 1.0, 0.1, 0.3});
  const Tensor g = doubles({2}, {0.7, -1.1}), labels = Tensor::from<std::int32_t>({2}, {1, 2});
  check_gradient([&](const Values& v) { return apply(SparseSoftmaxCrossEntropyGradient{}, constant(labels), v[0], v[1]); },
                 {x, g});
  check_gradient([](const Values& v) { return apply(SoftmaxCrossEntropyGradient{}, v[0], v[1], v[2]); }, {t, x, g});
}

TEST(CrossEntropy, Errors) {
  const Tensor x = floats({2, 3}, logits);
  EXPECT_EQ(error_of([&] { sparse_softmax_cross_entropy(Tensor::from<std::int32_t>({2, 1}, {0, 0}), x); }),
            "[sparse_softmax_cross_entropy] expected labels of type i32, i64 or u8 and shape [2] for logits f32[2,3]; "
            "received labels i32[2,1]");
  EXPECT_EQ(error_of([&] { softmax_cross_entropy(floats({2, 2}, {0, 1, 1, 0}), x); }),
            "[softmax_cross_entropy] expected targets like the logits, f32[2,3]; received targets f32[2,2]");
}

}  // namespace
}  // namespace strata
