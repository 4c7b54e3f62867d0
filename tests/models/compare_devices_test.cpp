#include "models/compare_devices.h"

#include <strata/strata.h>

#include <algorithm>
#include <sstream>

#include "tests/support/messages.h"

namespace strata {
namespace {

Model network() {
  Sequential model({layers::Input({6, 6, 1}), layers::Conv2D(4, 3, {.activation = "relu"}),
                    layers::BatchNormalization(), layers::Flatten(), layers::Dropout(0.25),
                    layers::Dense(3, {.activation = "softmax"})});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  return model;
}

const std::vector<Device> two{{DeviceKind::cpu, 0}, {DeviceKind::cpu, 1}};

DeviceComparison compared(CompareDevicesOptions options = {.batch_size = 8, .steps = 20}) {
  return compare_devices(network, two, random::normal({40, 6, 6, 1}), random::randint({40}, 0, 3), options);
}

TEST(CompareDevices, TheSameProcessorGivesTheSameNumbers) {
  const DeviceComparison result = compared();
  ASSERT_EQ(result.devices().size(), 2u);
  const DeviceMeasures &a = result.devices()[0], &b = result.devices()[1];
  EXPECT_EQ(to_string(a.device), "cpu:0");
  EXPECT_EQ(to_string(b.device), "cpu:1");
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(b.output_difference, 0);
  EXPECT_EQ(b.gradient_difference, 0);
  EXPECT_EQ(a.plan_bytes, b.plan_bytes);
  EXPECT_EQ(a.variable_bytes, b.variable_bytes);
  EXPECT_EQ(a.speed_up, 1);
  EXPECT_GT(b.speed_up, 0);
}

TEST(CompareDevices, MeasuresAreOfTheStepsAskedFor) {
  const DeviceComparison result = compared({.batch_size = 8, .steps = 25, .epochs = 3, .samples = 100});
  Model model = network();
  for (const DeviceMeasures& m : result.devices()) {
    EXPECT_EQ(m.seconds.size(), 25u);
    EXPECT_LE(m.low, m.median);
    EXPECT_LE(m.median, m.high);
    EXPECT_DOUBLE_EQ(m.per_second, 8 / m.median);
    EXPECT_DOUBLE_EQ(m.hours, 3 * 13 * m.median / 3600);  // 13 batches of 8 are an epoch of 100
    EXPECT_EQ(m.plan_bytes, static_cast<std::int64_t>(model.plan({.batch_size = 8}).peak_bytes()));
    std::int64_t weights = 0;
    for (const Variable& v : model.weights()) weights += static_cast<std::int64_t>(v.value().bytes());
    EXPECT_GT(m.variable_bytes, 2 * weights);  // Adam's moments, too
  }
}

TEST(CompareDevices, DifferencesAreSeen) {
  // On cpu:1 the last layer doubles its result.
  const auto make = [] {
    Sequential model(
        {layers::Input({4}), layers::Dense(3), layers::Rescaling(current_device().index == 0 ? 1.0 : 2.0)});
    model.compile({.optimizer = "sgd", .loss = "mse"});
    return Model(model);
  };
  const DeviceComparison result = compare_devices(make, two, {}, {}, {.batch_size = 4, .steps = 10});
  EXPECT_NEAR(result.devices()[1].output_difference, 1, 1e-6);
  EXPECT_GT(result.devices()[1].gradient_difference, 0.1);
  EXPECT_NE(result.devices()[0].loss, result.devices()[1].loss);
}

TEST(CompareDevices, WeightsAreTheSameWhateverMadeThem) {
  // A model whose weights depend on the device: they are taken from the first.
  const auto make = [] {
    utils::set_random_seed(static_cast<std::uint64_t>(current_device().index));
    return network();
  };
  const DeviceComparison result = compare_devices(make, two, {}, {}, {.batch_size = 4, .steps = 10});
  EXPECT_EQ(result.devices()[1].output_difference, 0);
}

TEST(CompareDevices, LeavesSeedsAndNamesAsTheyWere) {
  reset_names();
  utils::set_random_seed(5);
  const float expected = random::normal({1}).item<float>();
  utils::set_random_seed(5);
  compare_devices(network, two, {}, {}, {.batch_size = 4, .steps = 10});
  EXPECT_EQ(random::normal({1}).item<float>(), expected);
  EXPECT_EQ(network().layers().back().name(), "dense");
}

TEST(CompareDevices, TableCsvAndChartHoldWhatWasMeasured) {
  const DeviceComparison result =
      compared({.batch_size = 8, .steps = 10, .epochs = 5, .title = "a < b & c", .unit = "images"});
  const std::string table = result.table(), csv = result.csv(), svg = result.svg();
  for (const char* text :
       {"a < b & c: batches of 8, 10 steps", "images/s", "speed-up", "cpu:0 ", "cpu:1 ", "1.00x", "5 epochs"})
    EXPECT_NE(table.find(text), std::string::npos) << text << " in\n" << table;
  std::istringstream lines(csv);
  std::string header, first;
  std::getline(lines, header);
  std::getline(lines, first);
  EXPECT_EQ(std::ranges::count(header, ','), std::ranges::count(first, ','));
  EXPECT_TRUE(first.starts_with("cpu:0,10,8,")) << first;
  EXPECT_EQ(std::ranges::count(csv, '\n'), 3);
  EXPECT_TRUE(svg.starts_with("<svg xmlns=")) << svg.substr(0, 40);
  EXPECT_NE(svg.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_NE(svg.find("images per second"), std::string::npos);
  EXPECT_NE(svg.find("predicted for 5 epochs"), std::string::npos);
}

TEST(CompareDevicesErrors, SayWhatIsWrong) {
  EXPECT_ERROR(compare_devices(network, {}, {}, {}), "at least one device");
  EXPECT_ERROR(compare_devices(network, two, {}, {}, {.steps = 9}), "at least 10; received 9");
  EXPECT_ERROR(
      compare_devices(network, two, random::normal({4, 6, 6, 1}), random::randint({4}, 0, 3), {.batch_size = 8}),
      "at least one batch of 8");
  EXPECT_ERROR(compare_devices(network, two, random::normal({40, 6, 6, 1}), {}), "[compare_devices: y]");
}

}  // namespace
}  // namespace strata
