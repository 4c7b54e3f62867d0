// What the processes of a training leave to each other, and parts that a program makes itself.
#include <algorithm>
#include <atomic>
#include <numeric>

#include "core/ops/ops.h"
#include "core/ops/random.h"
#include "data/dataset.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using data::AutoShardPolicy;
using data::Dataset;
using data::Sample;

using Rows = std::vector<std::vector<std::int32_t>>;

/// Elements 1 to n: no row of zeros.
Dataset numbers(std::int64_t n) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 1);
  return Dataset::from_tensors({Tensor::from(Shape{n}, values)});
}

Rows rows(const Dataset& batches, const data::Share& share = {}, std::int64_t epoch = 0) {
  Rows all;
  const auto pass = batches.iterate(epoch, share);
  while (const auto sample = pass->next()) {
    all.emplace_back();
    for (std::int64_t i = 0; i < sample->x.size(); ++i) all.back().push_back(sample->x.at<std::int32_t>(i));
  }
  return all;
}

/// Counts its calls.
struct Counted {
  std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);
  Sample operator()(Sample s) const {
    ++*calls;
    s.x = Tensor::scalar(10 * s.x.item<std::int32_t>());
    return s;
  }
};

TEST(DatasetSharing, ABatchHasZerosForTheSamplesOfOthers) {
  const Dataset batches = numbers(14).map(Counted{}).batch(5).prefetch(1);
  EXPECT_EQ(rows(batches, {0, 2}), (Rows{{10, 20, 30, 40, 50}, {60, 70, 80, 0, 0}, {110, 120, 0, 0}}));
  EXPECT_EQ(rows(batches, {1, 2}), (Rows{{10, 20, 30, 40, 50}, {0, 0, 0, 90, 100}, {0, 0, 130, 140}}));
}

TEST(DatasetSharing, WhoHasNoPartInASmallBatchGetsTheLastOnes) {
  const Dataset batches = numbers(5).map(Counted{}).batch(3);
  for (int index : {1, 2}) EXPECT_EQ(rows(batches, {index, 3})[1], (std::vector<std::int32_t>{0, 50})) << index;
}

TEST(DatasetSharing, OthersSamplesAreNotMapped) {
  for (const int workers : {0, 3}) {
    const Counted first, second;
    const Dataset batches = numbers(40)
                                .shuffle(40, {.seed = 3})
                                .map(first, {.num_parallel_calls = workers})
                                .map(second, {.num_parallel_calls = workers})
                                .batch(8);
    rows(batches, {2, 4});
    EXPECT_EQ(*first.calls, 8 + 4 * 2) << "the first batch is whole";
    EXPECT_EQ(*second.calls, *first.calls);
  }
}

/// What the shares have together is the whole, draws from random streams included.
TEST(DatasetSharing, NumbersAreThoseOfOneProcess) {
  const auto noise = [](Sample s) {
    s.x = s.x + random::randint({}, 100, 200);
    return s;
  };
  const Dataset samples = numbers(23).shuffle(10, {.seed = 1}).map(noise, {.num_parallel_calls = 2, .seed = 9});
  for (const Dataset& batches : {samples.batch(6), samples.batch(6).repeat(2), samples.batch(6).take(3),
                                 samples.batch(6, {.drop_remainder = true}), samples.take(17).batch(6)}) {
    const Rows whole = rows(batches, {}, 2);
    Rows together = rows(batches, {0, 3}, 2);
    for (const int index : {1, 2}) {
      const Rows part = rows(batches, {index, 3}, 2);
      ASSERT_EQ(part.size(), whole.size());
      for (std::size_t b = 0; b < part.size(); ++b) {
        ASSERT_EQ(part[b].size(), whole[b].size());
        for (std::size_t i = 0; i < part[b].size(); ++i) together[b][i] = std::max(together[b][i], part[b][i]);
      }
    }
    EXPECT_EQ(together, whole);
  }
}

TEST(DatasetSharing, StepsThatMixSamplesGetAll) {
  const auto keep = [](const Sample&) { return true; };
  const Counted f;
  const Dataset mapped = numbers(20).map(f);
  for (const Dataset& samples : {mapped.shuffle(4, {.seed = 1}), mapped.filter(keep), mapped.skip(0).repeat(1),
                                 mapped.batch(2).unbatch(), mapped.shard(1, 0), mapped.cache()}) {
    const Dataset batches = samples.batch(5);
    *f.calls = 0;
    const Rows part = rows(batches, {1, 2});
    EXPECT_EQ(*f.calls, 20);
    const Rows whole = rows(batches);
    for (std::size_t b = 0; b < whole.size(); ++b) EXPECT_EQ(part[b].back(), whole[b].back());
  }
}

TEST(DatasetSharing, StepsThatMixBatchesGetWholeOnes) {
  const auto negated = [](Sample s) {
    s.x = 0 - s.x;
    return s;
  };
  const Dataset mapped = numbers(20).map(Counted{});
  for (const Dataset& batches :
       {mapped.batch(5).cache(), mapped.batch(5).filter([](const Sample&) { return true; }), mapped.batch(5).skip(1),
        mapped.batch(5).shuffle(2, {.seed = 1}), mapped.batch(5).map(negated), mapped.batch(5).shard(2, 1),
        mapped.batch(5).with_options({.auto_shard_policy = AutoShardPolicy::off})})
    EXPECT_EQ(rows(batches, {1, 2}), rows(batches));
}

TEST(DatasetSharing, TheOptionOfTheLastStepCounts) {
  const auto added = [](Sample s) {
    s.x = s.x + 1;
    return s;
  };
  const Dataset batches = numbers(8).map(Counted{}).batch(4).map(added);
  const auto with = [](const Dataset& d, AutoShardPolicy policy) {
    return d.with_options({.auto_shard_policy = policy});
  };
  const Rows whole = rows(batches), half{{11, 21, 31, 41}, {51, 61, 1, 1}};
  EXPECT_EQ(rows(with(batches, AutoShardPolicy::data), {0, 2}), half);
  EXPECT_EQ(rows(with(with(batches, AutoShardPolicy::data), AutoShardPolicy::off), {0, 2}), whole);
  EXPECT_EQ(rows(with(with(batches, AutoShardPolicy::off), AutoShardPolicy::data), {0, 2}), half);
  EXPECT_EQ(rows(with(batches, AutoShardPolicy::automatic), {0, 2}), whole);
  EXPECT_EQ(with(batches, AutoShardPolicy::data).cardinality(), 2);
}

TEST(DatasetSharing, AShardIsEveryNthElement) {
  const auto shard = [](std::int64_t n, std::int64_t index) { return numbers(8).shard(n, index).batch(8); };
  EXPECT_EQ(rows(shard(3, 0)), (Rows{{1, 4, 7}}));
  EXPECT_EQ(rows(shard(3, 2)), (Rows{{3, 6}}));
  EXPECT_EQ(rows(shard(8, 7)), (Rows{{8}}));
  for (std::int64_t index : {0, 1, 2})
    EXPECT_EQ(numbers(8).shard(3, index).cardinality(), static_cast<std::int64_t>(rows(shard(3, index))[0].size()));
  EXPECT_EQ(numbers(8).repeat().shard(3, 1).cardinality(), data::infinite_cardinality);
}

TEST(DatasetSharing, ErrorsSayWhatToDo) {
  EXPECT_ERROR(numbers(8).shard(0, 0), "[Dataset.shard] expected num_shards of 1 or more; received 0");
  EXPECT_ERROR(numbers(8).shard(3, 3), "expected an index from 0 to 2; received 3");
  EXPECT_ERROR(numbers(3).shard(4, 3),
               "expected at least one element for shard 3 of 4; received 3 elements in all, which leave it empty. Take "
               "fewer shards");
  EXPECT_ERROR(numbers(3).iterate(0, {2, 2}), "expected the share of one of 2 processes; received 2");
}

}  // namespace
}  // namespace strata
