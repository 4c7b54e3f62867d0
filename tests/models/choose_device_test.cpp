#include "models/choose_device.h"

#include <strata/strata.h>

#include <cstdlib>

#include "tests/support/messages.h"

namespace strata {
namespace {

/// STRATA_DEVICE as this test wants it; afterwards as it was.
class ChooseDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* value = std::getenv("STRATA_DEVICE");
    if (value != nullptr) before_ = value;
    ::unsetenv("STRATA_DEVICE");
  }
  void TearDown() override {
    if (before_.empty())
      ::unsetenv("STRATA_DEVICE");
    else
      ::setenv("STRATA_DEVICE", before_.c_str(), 1);
  }
  std::string before_;
};

Model compiled_model() {
  Sequential model(
      {layers::Input({8}), layers::Dense(4, {.activation = "relu"}), layers::Dropout(0.5), layers::Dense(1)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

const std::vector<Device> two{{DeviceKind::cpu, 0}, {DeviceKind::cpu, 1}};

TEST_F(ChooseDevice, TheOptionComesFirst) {
  ::setenv("STRATA_DEVICE", "cpu:3", 1);
  EXPECT_EQ(choose_device("cpu:2").line(), "device cpu:2 (--device cpu:2)");
  EXPECT_EQ(choose_device("/CPU:0").line(), "device cpu:0 (--device /CPU:0)");
}

TEST_F(ChooseDevice, ThenTheEnvironment) {
  ::setenv("STRATA_DEVICE", "cpu:3", 1);
  EXPECT_EQ(choose_device("").line(), "device cpu:3 (STRATA_DEVICE=cpu:3)");
  ::setenv("STRATA_DEVICE", "tpu", 1);
  EXPECT_ERROR(choose_device(""), "received 'tpu'");
}

TEST_F(ChooseDevice, AutoSaysWhyThereIsNoGpuAndWhoDecided) {
  if (!config::list_physical_devices("gpu").empty()) GTEST_SKIP() << "there is a GPU";
  const std::string automatic = choose_device("auto").line(), standard = choose_device("").line();
  EXPECT_TRUE(automatic.starts_with("device cpu:0 (no GPU: ")) << automatic;
  EXPECT_TRUE(automatic.ends_with("; --device auto)")) << automatic;
  EXPECT_TRUE(standard.ends_with("; default)")) << standard;
  EXPECT_LT(standard.size(), 160u) << standard;
  ::setenv("STRATA_DEVICE", "auto", 1);
  EXPECT_TRUE(choose_device("").line().ends_with("; STRATA_DEVICE=auto)")) << choose_device("").line();
}

TEST_F(ChooseDevice, AGpuThatIsNotThereIsAnErrorThatSaysWhy) {
  if (!config::list_physical_devices("gpu").empty()) GTEST_SKIP() << "there is a GPU";
  EXPECT_ERROR(choose_device("gpu"), config::why_no_gpu());
  ::setenv("STRATA_DEVICE", "gpu:0", 1);
  EXPECT_ERROR(choose_device(""), config::why_no_gpu());
}

TEST_F(ChooseDevice, WithOneCandidateNothingIsMeasured) {
  int made = 0;
  const auto make = [&] {
    ++made;
    return compiled_model();
  };
  EXPECT_EQ(choose_device("auto", {.make = make, .candidates = {two[1]}}).line(),
            "device cpu:1 (the only one; --device auto)");
  EXPECT_EQ(made, 0);
}

TEST_F(ChooseDevice, OfSeveralTheFasterIsTaken) {
  // On cpu:1 the model is larger by far.
  const auto make = [] {
    if (current_device().index == 0) return compiled_model();
    Sequential model({layers::Input({1024}), layers::Dense(1024), layers::Dense(1024)});
    model.compile({.optimizer = "adam", .loss = "mse"});
    return Model(model);
  };
  const DeviceChoice choice = choose_device("auto", {.make = make, .batch_size = 64, .candidates = {two[1], two[0]}});
  EXPECT_EQ(to_string(choice.device), "cpu:0");
  const std::string line = choice.line();
  EXPECT_NE(line.find("(cpu:1 "), std::string::npos) << line;
  EXPECT_NE(line.find(", cpu:0 "), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with("s a step; --device auto)")) << line;
}

TEST_F(ChooseDevice, LeavesSeedsNamesAndTheOrderOfDataAsTheyWere) {
  const auto weights_after = [](bool choose) {
    reset_names();
    utils::set_random_seed(21);
    if (choose) choose_device("auto", {.make = compiled_model, .candidates = two});
    Model model = compiled_model();
    const Tensor x = random::normal({64, 8}), y = random::normal({64, 1});
    model.fit(x, y, {.batch_size = 16, .epochs = 2, .verbose = 0});
    std::vector<double> numbers;
    for (const Variable& v : model.weights())
      for (std::int64_t i = 0; i < v.value().size(); ++i) numbers.push_back(v.value().at<double>(i));
    return std::make_pair(model.layers().back().name(), numbers);
  };
  const auto with = weights_after(true), without = weights_after(false);
  EXPECT_EQ(with.first, "dense_1");
  EXPECT_EQ(with, without);
}

TEST_F(ChooseDevice, ADeviceWithoutTheMemoryIsLeftOut) {
  config::set_memory_limit("cpu:1", 100);
  const DeviceChoice choice = choose_device("auto", {.make = compiled_model, .candidates = {two[1], two[0]}});
  EXPECT_EQ(to_string(choice.device), "cpu:0");
  EXPECT_NE(choice.why.find("cpu:1 not measured: [cpu:1] "), std::string::npos) << choice.why;
  EXPECT_ERROR(choose_device("auto", {.make = compiled_model, .candidates = {two[1], {DeviceKind::cpu, 1}}}),
               "none of the devices");
  config::set_memory_limit("cpu:1", 0);
}

TEST_F(ChooseDevice, WhatCannotBeMeasuredIsNot) {
  EXPECT_EQ(choose_device("auto", {.candidates = two}).line(), "device cpu:0 (not measured; --device auto)");
  const auto open = [] {
    Sequential model({layers::Input({open_dim, open_dim, 3}), layers::GlobalAveragePooling2D(), layers::Dense(1)});
    model.compile({.optimizer = "sgd", .loss = "mse"});
    return Model(model);
  };
  EXPECT_NE(choose_device("auto", {.make = open, .candidates = two}).why.find("open sizes"), std::string::npos);
  EXPECT_ERROR(choose_device("auto", {.make =
                                          [] {
                                            return Model(Sequential({layers::Input({2}), layers::Dense(1)}));
                                          },
                                      .candidates = two}),
               "expected a compiled model");
  EXPECT_ERROR(choose_device("auto", {.steps = 0}), "[choose_device: steps]");
}

TEST(DevicesFromList, TakesNamesWithCommas) {
  EXPECT_EQ(devices_from_list("cpu:0,cpu:1"), two);
  EXPECT_EQ(devices_from_list("cpu").size(), 1u);
  EXPECT_ERROR(devices_from_list("cpu:0,/CPU:0"), "each device once");
  EXPECT_ERROR(devices_from_list(""), "names of devices");
  EXPECT_ERROR(devices_from_list("cpu:0,,cpu:1"), "a name such as");
}

}  // namespace
}  // namespace strata
