#include "data/image_augmentation.h"

#include <gtest/gtest.h>

#include <set>

#include "core/device/seed.h"
#include "core/device/seed_scope.h"
#include "core/ops/image.h"
#include "core/ops/ops.h"
#include "data/dataset.h"
#include "data/profile.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

using data::Dataset;
using data::Sample;

/// `count` images [6, 5, 3] of different colours in [0, 1).
Dataset photos(std::int64_t count) {
  Tensor x(DType::f32, {count, 6, 5, 3});
  for (std::int64_t i = 0; i < x.size(); ++i)
    x.mutable_data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(37 * i % 101) / 101;
  return Dataset::from_tensors({x});
}

Sample augment(Sample s) {
  s.x = image::random_flip_left_right(image::random_flip_up_down(s.x));
  s.x = image::random_crop(image::random_hue(s.x, 0.2), {4, 4});
  s.x = image::random_saturation(image::random_contrast(image::random_brightness(s.x, 0.1), 0.5, 1.5), 0.5, 1.5);
  return s;
}

std::vector<float> numbers(const Dataset& dataset, std::int64_t epoch = 0) {
  std::vector<float> all;
  const auto pass = dataset.iterate(epoch);
  while (const auto s = pass->next()) all.insert(all.end(), s->x.data<float>().begin(), s->x.data<float>().end());
  return all;
}

TEST(Augmentation, DoesNotDependOnWorkers) {
  const std::vector<float> serial = numbers(photos(40).map(augment, {.seed = 3}));
  EXPECT_EQ(serial.size(), 40u * 48);
  for (const int workers : {1, 2, 5, data::AUTOTUNE})
    EXPECT_EQ(numbers(photos(40).map(augment, {.num_parallel_calls = workers, .seed = 3}).prefetch(2)), serial)
        << workers;
}

TEST(Augmentation, DependsOnSeedEpochAndPosition) {
  const Dataset d = photos(20).map(augment, {.num_parallel_calls = 2, .seed = 3});
  EXPECT_EQ(numbers(d), numbers(d));
  EXPECT_EQ(numbers(d, 7), numbers(d, 7));
  EXPECT_NE(numbers(d, 1), numbers(d));
  EXPECT_NE(numbers(photos(20).map(augment, {.seed = 4})), numbers(d));
  // What else the process draws does not matter.
  const std::vector<float> before = numbers(d);
  utils::set_random_seed(5);
  EXPECT_EQ(numbers(d), before);
}

TEST(Augmentation, ABatchsImagesDifferAndTheSecondMapDrawsAnew) {
  const auto flip = [](Sample s) { return s.x = image::random_flip_left_right(s.x), s; };
  const Dataset whole = photos(32).batch(32);
  const Tensor x = whole.iterate()->next()->x, y = whole.map(flip).iterate()->next()->x;
  const Tensor other = image::flip_left_right(x);
  int flipped = 0, kept = 0;
  for (std::int64_t i = 0; i < 32; ++i) {
    flipped += std::ranges::equal(y.rows(i, i + 1).data<float>(), other.rows(i, i + 1).data<float>()) ? 1 : 0;
    kept += std::ranges::equal(y.rows(i, i + 1).data<float>(), x.rows(i, i + 1).data<float>()) ? 1 : 0;
  }
  EXPECT_EQ(flipped + kept, 32);
  EXPECT_GT(flipped, 5);
  EXPECT_GT(kept, 5);
  EXPECT_NE(numbers(whole.map(flip).map(flip)), numbers(whole)) << "two maps of one seed undo each other";
}

TEST(Augmentation, OutsideOfAMapTheProcessSeedDecides) {
  const Tensor x = photos(16).batch(16).iterate()->next()->x;
  const auto drawn = [&] {
    const Tensor y = image::random_brightness(x, 0.5);
    return std::vector<float>(y.data<float>().begin(), y.data<float>().end());
  };
  utils::set_random_seed(9);
  const std::vector<float> first = drawn(), second = drawn();
  EXPECT_NE(first, second);
  utils::set_random_seed(9);
  EXPECT_EQ(drawn(), first);
  const random::SeedScope scope(1);
  const std::vector<float> inside = drawn();
  {
    const random::SeedScope again(1);
    EXPECT_EQ(drawn(), inside);
  }
  EXPECT_NE(drawn(), inside) << "the outer scope goes on";
}

TEST(Augmentation, ErrorsNameTheFunction) {
  const Tensor x = full({4, 4, 3}, 0.5);
  EXPECT_ERROR(image::random_flip_left_right(full({4, 4}, 0)),
               "[image.random_flip_left_right] expected images [H,W,C] or [N,H,W,C]; received f32[4,4]");
  EXPECT_ERROR(image::random_crop(x, {5, 2}), "5 x 2");
  EXPECT_ERROR(image::random_hue(x, 0.7), "expected max_delta in [0, 0.5");
  EXPECT_ERROR(image::random_contrast(x, 1, 1), "expected 0 <= lower < upper");
  EXPECT_ERROR(image::random_brightness(x, -1), "max_delta of 0 or more");
  EXPECT_ERROR(image::random_saturation(x, -1, 1), "expected 0 <= lower < upper");
}

Sample after_work(Sample s) {
  volatile double sum = 0;
  for (int i = 0; i < 300000; ++i) sum = sum + i;
  return s;
}

TEST(Profile, NamesTheBottleneck) {
  const Dataset d = photos(24).map(augment).map(after_work, {.num_parallel_calls = 2}).batch(4).prefetch(2);
  const data::Profile p = data::profile(d);
  ASSERT_EQ(p.stages.size(), 5u);
  EXPECT_EQ(p.elements, 6);
  const std::vector<std::string> names{"from_tensors", "map", "map", "batch", "prefetch"};
  const std::vector<std::int64_t> elements{24, 24, 24, 6, 6};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(p.stages[i].name, names[i]);
    EXPECT_EQ(p.stages[i].elements, elements[i]) << names[i];
    EXPECT_GE(p.stages[i].busy_seconds, 0);
  }
  EXPECT_EQ(p.stages[2].workers, 2);
  EXPECT_GT(p.stages[2].busy_seconds, 0);
  EXPECT_GT(p.stages[4].waited_seconds, 0);
  EXPECT_EQ(p.stages[1].waited_seconds, 0);
  double most = 0;
  for (const data::StageProfile& s : p.stages) most = std::max(most, s.busy_seconds / s.workers);
  EXPECT_EQ(p.stages[p.bottleneck].busy_seconds / p.stages[p.bottleneck].workers, most);
  EXPECT_NE(p.table().find("<- bottleneck"), std::string::npos);
  EXPECT_GT(p.elements_per_second(), 0);
}

TEST(Profile, ReadsAsMuchAsItIsAskedTo) {
  EXPECT_EQ(data::profile(photos(4).repeat(), {.max_elements = 10}).elements, 10);
  EXPECT_EQ(data::profile(photos(4), {.max_elements = 10}).elements, 4);
  EXPECT_EQ(data::profile(photos(4).repeat(3)).stages[0].elements, 12);
  EXPECT_ERROR(data::profile(photos(4).repeat()), "the dataset has no end; give max_elements");
  EXPECT_ERROR(data::profile(photos(4), {.max_elements = -2}), "expected max_elements of 0 or more");
}

}  // namespace
}  // namespace strata
