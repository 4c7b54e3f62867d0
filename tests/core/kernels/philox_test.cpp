#include "core/kernels/philox.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "core/kernels/philox_fill.h"

namespace strata::philox {
namespace {

constexpr Stream example{{0x12345678u, 0x9abcdef0u}, 7, 11};

std::vector<Word> words(Block b) { return {b.word, b.word + 4}; }

// The known-answer vectors published with Random123 for philox4x32 with 10 rounds.
TEST(Philox, PublishedVectors) {
  EXPECT_EQ(words(philox4x32_10({{0, 0, 0, 0}}, {0, 0})),
            (std::vector<Word>{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  const Word ones = 0xffffffffu;
  EXPECT_EQ(words(philox4x32_10({{ones, ones, ones, ones}}, {ones, ones})),
            (std::vector<Word>{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  EXPECT_EQ(words(philox4x32_10({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}},
                                {0xa4093822u, 0x299f31d0u})),
            (std::vector<Word>{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Philox, LoopGivesThePublishedVectors) {
  Word w[4];
  fill_u32(w, 0, 4, {{0, 0}, 0, 0});
  EXPECT_EQ(std::vector<Word>(w, w + 4),
            (std::vector<Word>{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
}

TEST(Philox, LoopEqualsElementsAcrossTheCarryOfTheCounter) {
  const Index first = (Index{1} << 34) - 1000;  // the low counter word overflows inside
  std::vector<Word> got(2000);
  fill_u32(got.data(), first, got.size(), example);
  for (Index k = 0; k < got.size(); ++k) ASSERT_EQ(got[k], word_at(first + k, example)) << k;
}

TEST(Philox, KeyStreamAndStepSelectDifferentNumbers) {
  const Word w = word_at(5, example);
  EXPECT_NE(w, word_at(5, {{example.key.low + 1, example.key.high}, 7, 11}));
  EXPECT_NE(w, word_at(5, {{example.key.low, example.key.high + 1}, 7, 11}));
  EXPECT_NE(w, word_at(5, {example.key, 8, 11}));
  EXPECT_NE(w, word_at(5, {example.key, 7, 12}));
  const Key key = key_from_seed(0x9abcdef012345678u);
  EXPECT_EQ(std::tuple(key.low, key.high), std::tuple(example.key.low, example.key.high));
}

TEST(Philox, UniformUsesTheStatedBits) {
  EXPECT_EQ(uniform_from_word(0u), 0.0f);
  EXPECT_EQ(uniform_from_word(0xffu), 0.0f);
  EXPECT_EQ(uniform_from_word(0x80000000u), 0.5f);
  EXPECT_EQ(uniform_from_word(0xffffffffu), 1.0f - 0x1p-24f);
  EXPECT_EQ(uniform_from_words(0u, 0u), 0.0);
  EXPECT_EQ(uniform_from_words(0x80000000u, 0u), 0.5);
  EXPECT_EQ(uniform_from_words(0u, 0x40u), 0x1p-53);
  EXPECT_EQ(uniform_from_words(0xffffffffu, 0xffffffffu), 1.0 - 0x1p-53);
}

template <typename T>
struct Fills : testing::Test {};
using RealTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(Fills, RealTypes);

template <typename T, typename Fill>
void expect_any_split_gives_the_same(Fill fill) {
  constexpr Index n = 5000;
  std::vector<T> whole(n), parts(n);
  fill(whole.data(), Index{0}, n);
  for (Index length : {Index{1}, Index{3}, Index{64}, Index{127}, Index{128}, Index{255}, Index{257}, Index{1000}}) {
    std::fill(parts.begin(), parts.end(), T(-100));
    for (Index at = 0; at < n; at += length) fill(parts.data() + at, at, std::min(length, n - at));
    ASSERT_EQ(whole, parts) << "parts of " << length;
  }
}

TYPED_TEST(Fills, DoNotDependOnTheSplit) {
  using T = TypeParam;
  expect_any_split_gives_the_same<Word>([](Word* y, Index i, Index n) { fill_u32(y, i, n, example); });
  expect_any_split_gives_the_same<T>([](T* y, Index i, Index n) { fill_uniform(y, i, n, example); });
  expect_any_split_gives_the_same<T>([](T* y, Index i, Index n) { fill_normal(y, i, n, example); });
}

TYPED_TEST(Fills, EqualTheElementFunctions) {
  using T = TypeParam;
  constexpr Index n = 3000, first = 12345;
  std::vector<T> uniform(n), normal(n);
  fill_uniform(uniform.data(), first, n, example);
  fill_normal(normal.data(), first, n, example);
  const T tolerance = sizeof(T) == 4 ? T(1e-6) : T(1e-14);
  for (Index k = 0; k < n; ++k) {
    T y;
    uniform_at(first + k, example, y);
    ASSERT_EQ(uniform[k], y) << k;
    normal_at(first + k, example, y);
    ASSERT_NEAR(normal[k], y, tolerance) << k;
  }
}

TEST(Philox, NormalFloatFollowsBoxAndMuller) {
  const double pi = std::acos(-1.0);
  for (Index i = 0; i < 20000; i += 2) {
    const Word a = word_at(i, example), b = word_at(i + 1, example);
    const double u = (static_cast<double>(a >> 1) + 0.5) / 2147483648.0;
    const double radius = std::sqrt(-2.0 * std::log(u));
    const double angle = 2.0 * pi * static_cast<double>(b >> 8) / 16777216.0;
    const Pair<float> pair = normals_from_words(a, b);
    // Near u = 1 the radius follows the rounding of u to float.
    const double tolerance = 2e-6 + 1e-7 / radius;
    ASSERT_NEAR(pair.first, radius * std::cos(angle), tolerance) << i;
    ASSERT_NEAR(pair.second, radius * std::sin(angle), tolerance) << i;
  }
  EXPECT_NEAR(normals_from_words(0u, 0u).first, std::sqrt(64.0 * std::log(2.0)), 1e-5);
  EXPECT_EQ(normals_from_words(0xffffffffu, 0u).first, 0.0f);
}

// Moments over 10^6 numbers: each bound is about five standard deviations of the estimate.
TYPED_TEST(Fills, HaveTheMomentsOfTheirDistributions) {
  using T = TypeParam;
  constexpr Index n = 1000000;
  std::vector<T> y(n);
  const auto moment = [&](int power, double centre) {
    double sum = 0;
    for (T v : y) sum += std::pow(static_cast<double>(v) - centre, power);
    return sum / static_cast<double>(n);
  };
  fill_uniform(y.data(), 0, n, example);
  EXPECT_NEAR(moment(1, 0.0), 0.5, 1.5e-3);
  EXPECT_NEAR(moment(2, 0.5), 1.0 / 12, 4e-4);
  EXPECT_GE(*std::min_element(y.begin(), y.end()), T(0));
  EXPECT_LT(*std::max_element(y.begin(), y.end()), T(1));
  fill_normal(y.data(), 0, n, example);
  EXPECT_NEAR(moment(1, 0.0), 0.0, 5e-3);
  EXPECT_NEAR(moment(2, 0.0), 1.0, 8e-3);
  EXPECT_NEAR(moment(3, 0.0), 0.0, 2e-2);
  EXPECT_NEAR(moment(4, 0.0), 3.0, 5e-2);
  double products = 0;  // the two halves of a pair are uncorrelated
  for (Index i = 0; i + 1 < n; i += 2) products += static_cast<double>(y[i]) * static_cast<double>(y[i + 1]);
  EXPECT_NEAR(products / (n / 2), 0.0, 8e-3);
}

}  // namespace
}  // namespace strata::philox
