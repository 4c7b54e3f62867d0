#include "core/ops/random.h"

#include <algorithm>

#include "core/kernels/philox.h"
#include "core/ops/binary.h"
#include "core/ops/fill.h"
#include "core/ops/reduce.h"
#include "tests/core/ops/ops_testing.h"

namespace strata {
namespace {
using namespace testing;

philox::Stream stream(std::uint64_t seed, std::uint32_t number, std::uint32_t step) {
  return {philox::key_from_seed(seed), number, step};
}

TEST(Random, NumbersAreThoseOfPhilox) {
  const std::uint64_t seed = 0x123456789abcdef0u;
  const Tensor state = random_state(seed, 7);
  const Tensor u = apply(RandomUniform{{5000}, 0, 1, 3}, state), d = apply(RandomUniform{{5000}, 0, 1, 3, DType::f64}, state);
  const Tensor n = apply(RandomNormal{{5000}, 0, 1, 3}, state), i = apply(RandomInt{{5000}, -3, 10, 3}, state);
  const auto s = stream(seed, 3, 7);
  for (std::int64_t k = 0; k < 5000; ++k) {
    const auto at = static_cast<philox::Index>(k);
    float f = 0;
    double g = 0;
    philox::uniform_at(at, s, f);
    philox::uniform_at(at, s, g);
    ASSERT_EQ(u.at<float>(k), f);
    ASSERT_EQ(d.at<double>(k), g);
    philox::normal_at(at, s, f);
    ASSERT_NEAR(n.at<float>(k), f, 2e-6);
    ASSERT_EQ(i.at<int>(k), -3 + static_cast<int>((std::uint64_t{philox::word_at(at, s)} * 13) >> 32));
  }
}

TEST(Random, StateDecides) {
  const auto draw = [](std::uint64_t seed, std::int64_t step, std::uint32_t number) {
    return numbers(apply(RandomUniform{{64}, 0, 1, number}, random_state(seed, step)));
  };
  EXPECT_EQ(draw(1, 0, 0), draw(1, 0, 0));
  EXPECT_NE(draw(1, 0, 0), draw(2, 0, 0));
  EXPECT_NE(draw(1, 0, 0), draw(1, 1, 0));
  EXPECT_NE(draw(1, 0, 0), draw(1, 0, 1));
}

TEST(Random, NoThreadChangesANumber) {
  const Tensor state = random_state(5), x = random::normal({100003});
  const Tensor u = apply(RandomNormal{{100003}}, state), y = dropout(x, state, 0.3);
  const SerialScope serial;
  EXPECT_EQ(numbers(apply(RandomNormal{{100003}}, state)), numbers(u));
  EXPECT_EQ(numbers(dropout(x, state, 0.3)), numbers(y));
}

TEST(Random, Moments) {
  utils::set_random_seed(1);
  const Tensor u = random::uniform({400000}, -1, 3), n = random::normal({400000}, 2, 3), t = random::truncated_normal({400000}, 1, 2);
  EXPECT_NEAR(mean(u).item<double>(), 1, 0.01);
  EXPECT_NEAR(variance(u).item<double>(), 16.0 / 12, 0.01);
  EXPECT_GE(min(u).item<double>(), -1);
  EXPECT_LE(max(u).item<double>(), 3);
  EXPECT_NEAR(mean(n).item<double>(), 2, 0.02);
  EXPECT_NEAR(stddev(n).item<double>(), 3, 0.02);
  EXPECT_NEAR(mean(t).item<double>(), 1, 0.01);
  EXPECT_NEAR(stddev(t).item<double>(), 2 * 0.8796256610, 0.01);
  EXPECT_GE(min(t).item<double>(), -3);
  EXPECT_LE(max(t).item<double>(), 5);
  expect_near(mean(cast(random::normal({400000}, 0, 1, DType::f16), DType::f32)), {0}, 0.01);
}

TEST(Random, TruncatedNormalInvertsItsDistribution) {
  const Tensor state = random_state(9);
  const auto check = [&](DType dtype, double shift, double tolerance) {
    const Tensor u = apply(RandomUniform{{3000}, 0, 1, 0, dtype}, state), z = apply(TruncatedNormal{{3000}, 0, 1, 0, dtype}, state);
    const double inside = std::erf(std::sqrt(2.0));
    for (std::int64_t i = 0; i < 3000; ++i)
      ASSERT_NEAR(std::erf(z.at<double>(i) / std::sqrt(2.0)), inside * (2 * u.at<double>(i) - 1 + shift), tolerance);
  };
  check(DType::f32, 0x1p-24, 5e-7);
  check(DType::f64, 0x1p-53, 2e-15);
}

TEST(Random, Integers) {
  utils::set_random_seed(2);
  const Tensor x = random::randint({60000}, 0, 6);
  EXPECT_EQ(x.dtype(), DType::i32);
  for (int face = 0; face < 6; ++face) EXPECT_NEAR(sum(equal(x, face)).item<int>(), 10000, 400);
  const Tensor wide = random::randint({1000}, -2147483648LL, 2147483648LL);
  EXPECT_LT(min(wide).item<double>(), -2e9);
  EXPECT_EQ(error_of([] { random::randint({2}, 3, 3); }),
            "[random_int] expected low < high, at most 2^32 apart; received 3 and 3");
}

TEST(Random, Permutation) {
  const std::vector<double> p = numbers(random::permutation(5000, 11));
  std::vector<double> sorted = p;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) ASSERT_EQ(sorted[i], static_cast<double>(i));
  EXPECT_NE(p, sorted);
  EXPECT_EQ(p, numbers(random::permutation(5000, 11)));
  EXPECT_NE(p, numbers(random::permutation(5000, 12)));
  EXPECT_EQ(random::permutation(0).size(), 0);
  std::vector<int> first(3, 0);  // each place is equally likely
  for (std::uint64_t seed = 0; seed < 3000; ++seed) ++first[static_cast<std::size_t>(random::permutation(3, seed).at<int>(0))];
  for (int count : first) EXPECT_NEAR(count, 1000, 120);
}

TEST(Random, ProcessSeed) {
  utils::set_random_seed(42);
  const Tensor a = random::normal({8}), b = random::normal({8});
  utils::set_random_seed(42);
  EXPECT_EQ(numbers(random::normal({8})), numbers(a));
  EXPECT_EQ(numbers(random::normal({8})), numbers(b));
  EXPECT_NE(numbers(a), numbers(b));
}

TEST(Dropout, MaskIsThatOfPhilox) {
  const Tensor x = random::normal({50, 101}), y = dropout(x, random_state(3, 4), 0.2, 6);
  const auto s = stream(3, 6, 4);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double u = philox::uniform_from_word(philox::word_at(static_cast<philox::Index>(i), s));
    ASSERT_FLOAT_EQ(y.at<float>(i), u >= 0.2 ? x.at<float>(i) / 0.8f : 0);
  }
  expect_near(dropout(x, random_state(3), 0.0), numbers(x), 0);
  expect_near(dropout(x, random_state(3), 1.0), std::vector<double>(5050, 0.0), 0);
}

TEST(Dropout, NoiseShape) {
  const Tensor x = full({4, 3, 5, 70}, 2), y = dropout(x, random_state(8), 0.5, 0, {open_dim, 1, 1, 70});
  int kept = 0;
  for (std::int64_t n = 0; n < 4; ++n)
    for (std::int64_t c = 0; c < 70; ++c) {
      const float first = y.at<float>(n * 1050 + c);
      const auto u = philox::uniform_from_word(philox::word_at(static_cast<philox::Index>(n * 70 + c), stream(8, 0, 0)));
      ASSERT_EQ(first, u >= 0.5f ? 4.0f : 0.0f);
      kept += first != 0;
      for (std::int64_t place = 0; place < 15; ++place) ASSERT_EQ(y.at<float>(n * 1050 + place * 70 + c), first);
    }
  EXPECT_NEAR(kept, 140, 40);
  const Tensor rows = dropout(ones({6, 40}), random_state(1), 0.5, 0, {6, 1});
  for (std::int64_t i = 0; i < 240; ++i) ASSERT_EQ(rows.at<float>(i), rows.at<float>(i / 40 * 40));
}

TEST(Dropout, Gradient) {
  const Tensor x = cast(random::normal({40, 7}), DType::f64);
  for (const Shape& noise : {Shape{}, Shape{40, 1}, Shape{1, 7}})
    check_gradient([&](const Values& v) { return dropout(v[0], constant(random_state(1)), 0.4, 0, noise); }, {x});
}

TEST(Dropout, Errors) {
  const Tensor x = ones({2, 3});
  EXPECT_EQ(error_of([&] { dropout(x, random_state(1), 1.5); }), "[dropout] expected a rate in [0, 1]; received 1.500000");
  EXPECT_EQ(error_of([&] { dropout(x, random_state(1), 0.5, 0, {2, 2}); }),
            "[dropout] expected a noise shape of 1 or x's size for each axis of [2,3]; received [2,2]");
  EXPECT_EQ(error_of([&] { dropout(x, x, 0.5); }), "[dropout] expected a state i64[2] (seed, step); received f32[2,3]");
}

}  // namespace
}  // namespace strata
