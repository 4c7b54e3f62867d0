#include <gtest/gtest.h>
#include <strata/strata.h>

#include <atomic>
#include <clocale>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/base/sanitizers.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

Sequential network(std::uint64_t seed) {
  utils::set_random_seed(seed);
  Sequential model(
      {layers::Input({6}), layers::Dense(16, {.activation = "relu"}), layers::Dropout(0.3), layers::Dense(2)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

struct Samples {
  Tensor x = random::normal({64, 6}), y = random::normal({64, 2});
};

void train(Sequential& model, const Samples& data) {
  model.fit(data.x, data.y, {.batch_size = 16, .epochs = 5, .verbose = 0});
}

void expect_equal(const Tensors& a, const Tensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::int64_t k = 0; k < a[i].size(); ++k) ASSERT_EQ(a[i].at<float>(k), b[i].at<float>(k)) << i;
}

TEST(Threads, TwoModelsTrainAsIfAlone) {
  utils::set_random_seed(1);
  const Samples data;
  Sequential a1 = network(2), b1 = network(3), a2 = network(2), b2 = network(3);
  train(a1, data);
  train(b1, data);
  std::thread other([&] { train(a2, data); });
  train(b2, data);
  other.join();
  expect_equal(a1.get_weights(), a2.get_weights());
  expect_equal(b1.get_weights(), b2.get_weights());
}

TEST(Threads, PredictFromEight) {
  utils::set_random_seed(1);
  const Samples data;
  Sequential model = network(2);
  const Tensor expected = model.predict(data.x, {.batch_size = 16});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const Tensor out = model.predict(data.x, {.batch_size = 16});
        for (std::int64_t k = 0; k < out.size(); ++k) wrong += out.at<float>(k) != expected.at<float>(k);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, PredictBesideFitIsANamedError) {
  utils::set_random_seed(1);
  const Samples data;
  Sequential model = network(2);
  std::string message;
  const Callback elsewhere = callbacks::LambdaCallback({.on_epoch_end = [&](int, const Logs&) {
    std::thread([&] { message = testing::message_of([&] { model.predict(data.x); }); }).join();
    model.predict(data.x);  // the training thread itself may
  }});
  model.fit(data.x, data.y, {.epochs = 1, .verbose = 0, .callbacks = {elsewhere}});
  EXPECT_NE(message.find("is being trained by another thread"), std::string::npos) << message;
}

TEST(Process, IsLeftAsItWas) {
  const std::string locale = std::setlocale(LC_ALL, nullptr);
  struct sigaction before[32], after{};
  for (int s = 1; s < 32; ++s) sigaction(s, nullptr, &before[s]);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Sequential model = network(2);
  train(model, Samples());
  model.evaluate(Samples().x, Samples().y, {.verbose = 0});
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  for (int s = 1; s < 32; ++s) {
    sigaction(s, nullptr, &after);
    EXPECT_EQ(after.sa_handler, before[s].sa_handler) << "signal " << s;
  }
  EXPECT_EQ(locale, std::setlocale(LC_ALL, nullptr));
}

TEST(Process, AThousandFitsDoNotGrow) {
  const auto resident = [] {
    std::ifstream file("/proc/self/statm");
    long pages = 0;
    file >> pages >> pages;
    return pages * 4096;
  };
  utils::set_random_seed(1);
  const Samples data;
  Sequential model = network(2);
  const FitOptions once{.batch_size = 48, .epochs = 1, .verbose = 0};
  for (int i = 0; i < 100; ++i) model.fit(data.x, data.y, once);
  const std::int64_t held = config::memory_in_use({});
  const long before = resident();
  for (int i = 0; i < 1000; ++i) model.fit(data.x, data.y, once);
  EXPECT_EQ(config::memory_in_use({}), held);
#if !STRATA_ADDRESS_SANITIZER && !STRATA_THREAD_SANITIZER
  EXPECT_LT(resident() - before, 1 << 20);
#else
  (void)before;
#endif
}

}  // namespace
}  // namespace strata
