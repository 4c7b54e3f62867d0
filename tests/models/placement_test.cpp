#include <gtest/gtest.h>
#include <strata/strata.h>

#include <algorithm>
#include <sstream>

namespace strata {
namespace {

/// What `work` writes to the placement log.
template <class F>
std::vector<std::string> placement_log(F&& work) {
  debugging::set_log_device_placement(true);
  ::testing::internal::CaptureStderr();
  work();
  std::istringstream text(::testing::internal::GetCapturedStderr());
  debugging::set_log_device_placement(false);
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

Sequential network() {
  Sequential model({layers::Input({8}), layers::Dense(4, {.activation = "relu", .name = "hidden"}), layers::Dense(1)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

TEST(PlacementLog, HoldsOneLineForEachStepOfThePlan) {
  const DeviceScope scope("cpu:1");
  Sequential model = network();
  std::size_t steps = 0;
  const auto lines = placement_log([&] { steps = model.plan({.batch_size = 16}).steps(); });
  EXPECT_EQ(lines.size(), steps);
  for (const std::string& line : lines) {
    EXPECT_TRUE(line.starts_with("placement: ")) << line;
    EXPECT_NE(line.find(" on cpu:1 -> "), std::string::npos) << line;
  }
  EXPECT_TRUE(std::ranges::any_of(
      lines, [](const std::string& l) { return l.find("/hidden (gradient)") != std::string::npos; }));
}

TEST(PlacementLog, TrainingAndPredictingAreLoggedOnce) {
  Sequential model = network();
  const Tensor x = zeros({16, 8}), y = zeros({16, 1});
  const auto fit = [&] { model.fit(x, y, {.batch_size = 16, .epochs = 3, .verbose = 0}); };
  const std::size_t steps = model.plan({.batch_size = 16}).steps();
  EXPECT_GE(placement_log(fit).size(), steps);
  EXPECT_EQ(placement_log(fit).size(), 0u);
  EXPECT_FALSE(placement_log([&] { model.predict(x); }).empty());
  EXPECT_TRUE(placement_log([&] { model.predict(x); }).empty());
}

}  // namespace
}  // namespace strata
