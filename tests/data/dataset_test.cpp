#include "data/dataset.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "core/base/error.h"

namespace strata {
namespace {

using data::Dataset;
using data::Sample;

Tensor iota(std::int64_t n) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return Tensor::from(Shape{n}, values);
}

Dataset range(std::int64_t n) { return Dataset::from_tensors({iota(n)}); }

Sample scalar_sample(std::int32_t v) { return Sample{.x = Tensor::scalar(v)}; }

// The x of every element, flattened.
std::vector<std::int32_t> values(const Dataset& dataset, std::int64_t epoch = 0) {
  std::vector<std::int32_t> out;
  auto pass = dataset.iterate(epoch);
  while (auto s = pass->next())
    for (std::int64_t i = 0; i < s->x.size(); ++i) out.push_back(s->x.at<std::int32_t>(i));
  return out;
}

std::vector<std::int32_t> ints(std::int32_t n) {
  std::vector<std::int32_t> v(static_cast<std::size_t>(n));
  std::iota(v.begin(), v.end(), 0);
  return v;
}

std::string error_of(const auto& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "no error";
}

Sample doubled(const Sample& s) { return scalar_sample(2 * s.x.item<std::int32_t>()); }

TEST(Dataset, SlicesTensorsAlongTheFirstAxis) {
  const Tensor x = Tensor::from<float>({3, 2}, {0, 1, 2, 3, 4, 5});
  const Dataset d = Dataset::from_tensors({x}, {iota(3)}, {Tensor::from<float>({3}, {.5f, 1, 2})});
  EXPECT_EQ(d.cardinality(), 3);
  int i = 0;
  for (const Sample& s : d) {
    EXPECT_EQ(s.x.shape(), Shape({2}));
    EXPECT_EQ(s.x.at<float>(1), 2.0f * static_cast<float>(i) + 1);
    EXPECT_EQ(s.y.item<int>(), i);
    EXPECT_TRUE(s.w.defined());
    EXPECT_EQ(s.x.raw(), x.rows(i, i + 1).raw());  // shared, not copied
    ++i;
  }
  EXPECT_EQ(i, 3);
}

TEST(Dataset, SeveralInputsAndOutputsKeepTheirOrder) {
  const Dataset d = Dataset::from_tensors({iota(4), iota(4)}, {iota(4), iota(4), iota(4)}).batch(4);
  const Sample s = *d.iterate()->next();
  EXPECT_EQ(s.inputs().size(), 2u);
  EXPECT_EQ(s.targets().size(), 3u);
  EXPECT_TRUE(s.weights().empty());
  EXPECT_EQ(s.more_y[1].shape(), Shape({4}));
}

TEST(Dataset, RefusesTensorsThatDoNotFitTogether) {
  EXPECT_EQ(error_of([] { Dataset::from_tensors({iota(3)}, {iota(4)}); }),
            "[Dataset.from_tensors] expected tensors of the same first dimension, 3; received i32[4]");
  EXPECT_NE(error_of([] { Dataset::from_tensors({Tensor::scalar(1)}); }).find("rank 1 or more"), std::string::npos);
  EXPECT_NE(error_of([] { Dataset::from_tensors({}); }).find("at least one"), std::string::npos);
}

TEST(Dataset, GeneratorsStartAnewWithAnIndexAndGoOnWithout) {
  const Dataset indexed = Dataset::from_generator(
      [](std::int64_t i) { return i < 3 ? std::optional(scalar_sample(static_cast<int>(i))) : std::nullopt; },
      {.cardinality = 3});
  EXPECT_EQ(indexed.cardinality(), 3);
  EXPECT_EQ(values(indexed), ints(3));
  EXPECT_EQ(values(indexed), ints(3));
  const Dataset stateful = Dataset::from_generator([n = 0]() mutable -> std::optional<Sample> {
    if (n++ % 3 == 2) return std::nullopt;
    return scalar_sample(n);
  });
  EXPECT_EQ(stateful.cardinality(), data::unknown_cardinality);
  EXPECT_EQ(values(stateful), (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(values(stateful), (std::vector<std::int32_t>{4, 5}));
}

TEST(Dataset, AGeneratorThatBreaksItsPromiseIsAnError) {
  const auto two = [](std::int64_t i) { return i < 2 ? std::optional(scalar_sample(0)) : std::nullopt; };
  EXPECT_NE(error_of([&] { values(Dataset::from_generator(two, {.cardinality = 3})); }).find("received only 2"),
            std::string::npos);
  EXPECT_NE(error_of([&] { values(Dataset::from_generator(two, {.cardinality = 1})); }).find("received more than 1"),
            std::string::npos);
}

TEST(Dataset, MapFilterTakeSkipRepeat) {
  EXPECT_EQ(values(range(4).map(doubled)), (std::vector<std::int32_t>{0, 2, 4, 6}));
  EXPECT_EQ(values(range(6).filter([](const Sample& s) { return s.x.item<int>() % 2 == 1; })),
            (std::vector<std::int32_t>{1, 3, 5}));
  EXPECT_EQ(values(range(6).skip(2).take(3)), (std::vector<std::int32_t>{2, 3, 4}));
  EXPECT_EQ(values(range(2).skip(5)), std::vector<std::int32_t>{});
  EXPECT_EQ(values(range(2).repeat(3)), (std::vector<std::int32_t>{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(values(range(2).repeat().take(5)), (std::vector<std::int32_t>{0, 1, 0, 1, 0}));
  EXPECT_EQ(values(range(2).repeat(0)), std::vector<std::int32_t>{});
  EXPECT_EQ(values(range(0).repeat()), std::vector<std::int32_t>{});  // ends instead of searching for ever
}

TEST(Dataset, CardinalityIsKnownWhereItCanBe) {
  EXPECT_EQ(range(10).batch(3).cardinality(), 4);
  EXPECT_EQ(range(10).batch(3, {.drop_remainder = true}).cardinality(), 3);
  EXPECT_EQ(range(10).repeat().cardinality(), data::infinite_cardinality);
  EXPECT_EQ(range(10).repeat().batch(3).cardinality(), data::infinite_cardinality);
  EXPECT_EQ(range(10).repeat().take(7).cardinality(), 7);
  EXPECT_EQ(range(10).repeat(2).skip(5).cardinality(), 15);
  EXPECT_EQ(range(10).take(50).cardinality(), 10);
  EXPECT_EQ(range(10).filter([](const Sample&) { return true; }).cardinality(), data::unknown_cardinality);
  EXPECT_EQ(range(10).shuffle(3).cache().map(doubled).prefetch(2).cardinality(), 10);
}

TEST(Dataset, BatchesKeepTheRestOrDropIt) {
  auto pass = range(5).batch(2).iterate();
  EXPECT_EQ(pass->next()->x.shape(), Shape({2}));
  EXPECT_EQ(pass->next()->x.at<int>(1), 3);
  EXPECT_EQ(pass->next()->x.shape(), Shape({1}));
  EXPECT_FALSE(pass->next());
  EXPECT_FALSE(pass->next());
  EXPECT_EQ(values(range(5).batch(2, {.drop_remainder = true})), ints(4));
  EXPECT_EQ(values(range(5).batch(2).unbatch()), ints(5));
}

TEST(Dataset, BatchRefusesElementsOfDifferentTypes) {
  const auto uneven = [](Sample s) {
    const auto n = s.x.item<std::int32_t>();
    return Sample{.x = iota(n == 2 ? 3 : 1)};
  };
  EXPECT_EQ(error_of([&] { values(range(4).map(uneven).batch(4)); }),
            "[Dataset.batch] expected elements of one type, i32[1]; received element 2 of the batch with i32[3]");
  const auto some = [](Sample s) { return s.x.item<int>() == 1 ? Sample{.x = s.x, .y = s.x} : s; };
  EXPECT_NE(error_of([&] { values(range(2).map(some).batch(2)); }).find("same number of tensors"), std::string::npos);
}

TEST(Dataset, ShuffleIsAPermutationThatDependsOnSeedAndEpochOnly) {
  const Dataset d = range(100).shuffle(100, {.seed = 5});
  const auto first = values(d, 0), second = values(d, 1);
  EXPECT_NE(first, ints(100));
  EXPECT_NE(first, second);
  EXPECT_EQ(values(d, 0), first);
  EXPECT_EQ(values(range(100).shuffle(100, {.seed = 5}), 1), second);
  EXPECT_NE(values(range(100).shuffle(100, {.seed = 6}), 0), first);
  EXPECT_EQ(std::set<int>(first.begin(), first.end()).size(), 100u);
  const Dataset fixed = range(100).shuffle(100, {.seed = 5, .reshuffle_each_iteration = false});
  EXPECT_EQ(values(fixed, 0), values(fixed, 7));
  // Without a seed each dataset draws one, and keeps it.
  const Dataset drawn = range(100).shuffle(100);
  EXPECT_EQ(values(drawn), values(drawn));
  EXPECT_NE(values(drawn), values(range(100).shuffle(100)));
}

TEST(Dataset, ASmallShuffleBufferBoundsHowEarlyAnElementComes) {
  const auto order = values(range(1000).shuffle(10, {.seed = 1}));
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_LT(order[i], static_cast<int>(i) + 10);
  EXPECT_EQ(values(range(20).shuffle(1, {.seed = 1})), ints(20));
}

TEST(Dataset, AFullShuffleIsUniform) {
  // 24 orders of 4 elements, 4,800 draws: chi-squared with 23 degrees of freedom exceeds 60 with probability 4e-5.
  std::map<std::vector<std::int32_t>, int> counts;
  for (std::uint64_t seed = 0; seed < 4800; ++seed) ++counts[values(range(4).shuffle(4, {.seed = seed}))];
  ASSERT_EQ(counts.size(), 24u);
  double chi = 0;
  for (const auto& [order, n] : counts) chi += (n - 200.0) * (n - 200.0) / 200.0;
  EXPECT_LT(chi, 60);
}

TEST(Dataset, RepetitionsAreReshuffled) {
  const auto twice = values(range(50).shuffle(50, {.seed = 3}).repeat(2));
  const std::vector<std::int32_t> a(twice.begin(), twice.begin() + 50), b(twice.begin() + 50, twice.end());
  EXPECT_NE(a, b);
  EXPECT_EQ(std::set<int>(b.begin(), b.end()).size(), 50u);
}

TEST(Dataset, SameContentWhateverTheNumberOfWorkers) {
  const auto jitter = [](Sample s, std::uint64_t seed) {
    if (seed % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(seed % 300));
    return scalar_sample(s.x.item<std::int32_t>() ^ static_cast<std::int32_t>(seed & 0xffffff));
  };
  const auto with = [&](int workers, std::int64_t epoch) {
    return values(range(300).shuffle(300, {.seed = 9}).map(jitter, {.num_parallel_calls = workers, .seed = 4}).batch(32)
                      .prefetch(3), epoch);
  };
  for (const std::int64_t epoch : {0, 1}) {
    const auto serial = with(0, epoch);
    EXPECT_EQ(serial.size(), 300u);
    for (const int workers : {1, 2, 5, data::AUTOTUNE}) EXPECT_EQ(with(workers, epoch), serial) << workers;
  }
  EXPECT_NE(with(2, 0), with(2, 1));
}

TEST(Dataset, WorkersRunBesideEachOther) {
  std::atomic<int> inside = 0, most = 0;
  const auto slow = [&](Sample s) {
    const int now = ++inside;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    --inside;
    return s;
  };
  EXPECT_EQ(values(range(20).map(slow, {.num_parallel_calls = 4})), ints(20));
  EXPECT_GT(most.load(), 1);
  EXPECT_LE(most.load(), 4);
}

TEST(Dataset, PrefetchIsBounded) {
  std::atomic<int> made = 0;
  const Dataset d = Dataset::from_generator([&](std::int64_t i) -> std::optional<Sample> {
                      ++made;
                      return scalar_sample(static_cast<int>(i));
                    }).prefetch(4);
  auto pass = d.iterate();
  EXPECT_EQ(pass->next()->x.item<int>(), 0);
  for (int wait = 0; made < 5 && wait < 2000; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(made.load(), 5);  // the one taken and four ready
}

TEST(Dataset, ExceptionsReachTheConsumerInTheirPlace) {
  const auto picky = [](Sample s) {
    if (s.x.item<int>() == 5) throw std::out_of_range("five is right out");
    return s;
  };
  for (const int workers : {0, 3}) {
    auto pass = range(10).map(picky, {.num_parallel_calls = workers}).prefetch(2).iterate();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(pass->next()->x.item<int>(), i);
    try {
      pass->next();
      FAIL() << "no exception";
    } catch (const std::out_of_range& e) {
      EXPECT_STREQ(e.what(), "five is right out");
    }
    EXPECT_FALSE(pass->next());
  }
  const Dataset broken =
      Dataset::from_generator([](std::int64_t) -> std::optional<Sample> { throw Error("reader", "the disk is gone"); });
  EXPECT_EQ(error_of([&] { values(broken.map(doubled, {.num_parallel_calls = 2}).prefetch(1)); }),
            "[reader] the disk is gone");
}

TEST(Dataset, LeavingEarlyJoinsTheWorkersPromptly) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) {
    auto pass = range(100000).repeat().map(doubled, {.num_parallel_calls = 3}).batch(8).prefetch(4).iterate();
    if (i % 2 == 0) {
      EXPECT_TRUE(pass->next());
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  // take() lets go of the workers as soon as its last element is out.
  EXPECT_EQ(values(range(1000).repeat().prefetch(4).take(3)), ints(3));
}

TEST(Dataset, CacheKeepsTheFirstWholePass) {
  std::atomic<int> calls = 0;
  const Dataset d = range(10).map([&](Sample s) { return ++calls, s; }).cache();
  EXPECT_TRUE(d.iterate()->next());  // not a whole pass
  EXPECT_EQ(calls.load(), 1);
  EXPECT_EQ(values(d), ints(10));
  EXPECT_EQ(calls.load(), 11);
  EXPECT_EQ(values(d, 1), ints(10));
  EXPECT_EQ(values(d.map(doubled))[9], 18);
  EXPECT_EQ(calls.load(), 11);
}

TEST(Dataset, TwoThreadsMayIterateOneDataset) {
  const Dataset d = range(500).shuffle(500, {.seed = 2}).cache().map(doubled, {.num_parallel_calls = 2});
  std::vector<std::int32_t> a, b;
  std::thread other([&] { b = values(d); });
  a = values(d);
  other.join();
  EXPECT_EQ(a, b);
}

TEST(Dataset, ArgumentsOutOfRangeAreErrors) {
  EXPECT_EQ(error_of([] { range(2).batch(0); }), "[Dataset.batch] expected a batch size of 1 or more; received 0");
  EXPECT_NE(error_of([] { range(2).shuffle(0); }).find("buffer_size"), std::string::npos);
  EXPECT_NE(error_of([] { range(2).prefetch(0); }).find("prefetch"), std::string::npos);
  EXPECT_NE(error_of([] { range(2).repeat(-2); }).find("repeat"), std::string::npos);
  EXPECT_NE(error_of([] { range(2).take(-1); }).find("take"), std::string::npos);
  EXPECT_NE(error_of([] { range(2).skip(-1); }).find("skip"), std::string::npos);
  EXPECT_NE(error_of([] { range(2).map(doubled, {.num_parallel_calls = -5}); }).find("num_parallel_calls"),
            std::string::npos);
  EXPECT_NE(error_of([] { range(2).filter(nullptr); }).find("filter"), std::string::npos);
}

}  // namespace
}  // namespace strata
