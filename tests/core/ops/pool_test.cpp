#include "core/ops/pool.h"

#include <limits>

#include "tests/core/ops/compiled_gradient.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

// 1 2 3
// 4 5 6
// 7 8 9
const Shape image_shape{1, 3, 3, 1};
const std::vector<double> image = {1, 2, 3, 4, 5, 6, 7, 8, 9};
constexpr PoolWindow2D stride_1{.size = {2, 2}, .strides = {1, 1}};
constexpr PoolWindow2D same{.padding = Padding::same};

Tensor picture(DType dtype) { return cast(doubles(image_shape, image), dtype); }

TEST(Pool, ByHandInEveryType) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    const Tensor x = picture(dtype);
    SCOPED_TRACE(to_string(x.type()));
    expect_near(max_pool2d(x), {5});
    expect_near(max_pool2d(x, stride_1), {5, 6, 8, 9});
    expect_near(max_pool2d(x, same), {5, 6, 8, 9});
    expect_near(average_pool2d(x), {3});
    expect_near(average_pool2d(x, stride_1), {3, 4, 6, 7});
    expect_near(average_pool2d(x, same), {3, 4.5, 7.5, 9});  // the padding is not counted
    EXPECT_EQ(max_pool2d(x).dtype(), dtype);
  }
}

TEST(Pool, PaddingIsNoMaximum) {
  const Tensor x = floats({1, 3, 3, 1}, {-1, -2, -3, -4, -5, -6, -7, -8, -9});
  expect_near(max_pool2d(x, {.size = {3, 3}, .strides = {2, 2}, .padding = Padding::same}), {-1, -2, -4, -5});
}

TEST(Pool, ChannelsAndImagesStayApart) {
  const Tensor x = floats({2, 2, 1, 2}, {1, 40, 3, 20, -5, 6, -7, 8});
  const PoolWindow2D column{.size = {2, 1}, .strides = {1, 1}};
  expect_near(max_pool2d(x, column), {3, 40, -5, 8});
  expect_near(average_pool2d(x, column), {2, 30, -6, 7});
}

TEST(Pool, NanWins) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
    for (const std::vector<double>& window : {std::vector<double>{nan, 2, 3, 4}, {1, 2, nan, 4}, {1, 2, 3, nan}}) {
      SCOPED_TRACE(to_string(dtype));
      expect_near(max_pool2d(cast(doubles({1, 2, 2, 1}, window), dtype)), {nan});
    }
}

TEST(Pool, GradientGoesToTheFirstMaximum) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = cast(doubles({1, 2, 4, 1}, {3, 3, 1, 0, 3, 2, 0, 1}), dtype);
    const Tensor g = cast(doubles({1, 1, 2, 1}, {10, 20}), dtype);
    expect_near(gradients_of([](const Values& v) { return max_pool2d(v[0]); }, {x}, g)[0], {10, 0, 20, 0, 0, 0, 0, 0});
  }
}

TEST(Pool, GradientGoesToTheFirstNan) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = cast(doubles({1, 2, 2, 1}, {9, nan, nan, 10}), dtype), g = cast(doubles({1, 1, 1, 1}, {5}), dtype);
    expect_near(gradients_of([](const Values& v) { return max_pool2d(v[0]); }, {x}, g)[0], {0, 5, 0, 0});
  }
}

TEST(Pool, GradientsOfOverlappingWindows) {
  const Tensor g = floats({1, 2, 2, 1}, {1, 2, 3, 4});
  const auto slope = [&](const std::function<Value(const Values&)>& f) {
    return gradients_of(f, {picture(DType::f32)}, g)[0];
  };
  expect_near(slope([](const Values& v) { return max_pool2d(v[0], stride_1); }), {0, 0, 0, 0, 1, 2, 0, 3, 4});
  expect_near(slope([](const Values& v) { return average_pool2d(v[0], stride_1); }),
              {0.25, 0.75, 0.5, 1, 2.5, 1.5, 0.75, 1.75, 1});
}

TEST(Pool, GradientsAgainstDifferences) {
  const Tensor x = spread({2, 5, 4, 3}, 0);
  for (const Padding padding : {Padding::valid, Padding::same})
    for (const PoolWindow2D& w : {PoolWindow2D{}, PoolWindow2D{{3, 2}, {2, 1}}, PoolWindow2D{{1, 3}, {1, 1}}}) {
      const PoolWindow2D window{w.size, w.strides, padding};
      check_compiled_gradient([&](const Values& v) { return max_pool2d(v[0], window); }, {x});
      check_compiled_gradient([&](const Values& v) { return average_pool2d(v[0], window); }, {x});
    }
  const Tensor g = spread({2, 2, 2, 3}, 1);
  check_compiled_gradient([](const Values& v) { return apply(AveragePool2DGradient{{}, {2, 5, 4, 3}}, v[0]); }, {g});
}

TEST(Pool, SinglePrecisionAgreesWithDouble) {
  const Tensor x = spread({3, 9, 7, 37}, 2);
  for (const PoolWindow2D& w :
       {PoolWindow2D{}, PoolWindow2D{{3, 3}, {2, 2}, Padding::same}, PoolWindow2D{{4, 2}, {1, 3}}}) {
    expect_near(max_pool2d(cast(x, DType::f32), w), numbers(max_pool2d(x, w)));
    expect_near(average_pool2d(cast(x, DType::f32), w), numbers(average_pool2d(x, w)));
    const Tensor g = spread(max_pool2d(x, w).shape(), 3);
    for (const bool largest : {true, false}) {
      const auto f = [&](const Values& v) { return largest ? max_pool2d(v[0], w) : average_pool2d(v[0], w); };
      expect_near(gradients_of(f, {cast(x, DType::f32)}, cast(g, DType::f32))[0], numbers(gradients_of(f, {x}, g)[0]));
    }
  }
}

TEST(Pool, Symbols) {
  const Symbol x = input_symbol("x", {open_dim, 8, 6, 3}, DType::f32);
  EXPECT_EQ(max_pool2d(x).shape(), (Shape{open_dim, 4, 3, 3}));
  EXPECT_EQ(average_pool2d(x, {{3, 3}, {3, 3}, Padding::same}).shape(), (Shape{open_dim, 3, 2, 3}));
}

TEST(Pool, Errors) {
  EXPECT_EQ(error_of([] {
              max_pool2d(floats({1, 2, 3, 1}, std::vector<float>(6)), {.size = {3, 3}});
            }),
            "[max_pool2d] Computed output size would be zero or negative. Received: `inputs.shape=[1,2,3,1]`, "
            "`pool_size=(3, 3)`, `strides=(3, 3)`, `padding=valid`.");
  EXPECT_EQ(error_of([] {
              average_pool2d(floats({4}, {1, 2, 3, 4}));
            }),
            "[average_pool2d] expected [N,H,W,C]; received [4]");
  EXPECT_NE(error_of([] { max_pool2d(picture(DType::i32)); }), "");
  EXPECT_NE(error_of([] { max_pool2d(picture(DType::f32), {.strides = {-1, 1}}); }), "");
}

}  // namespace
}  // namespace strata
