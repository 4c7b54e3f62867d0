#include "models/profile.h"

#include <strata/strata.h>

#include <chrono>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/messages.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

/// With dropout, batch statistics and an optimizer with state: a step changes all kinds of variables.
Sequential small_network() {
  utils::set_random_seed(4);
  Sequential model({layers::Input({12, 12, 2}), layers::Conv2D(16, 3, {.activation = "relu", .name = "conv"}),
                    layers::BatchNormalization({.name = "norm"}), layers::Flatten(), layers::Dropout(0.3),
                    layers::Dense(5, {.activation = "softmax", .name = "classes"})});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  return model;
}

Tensor images(std::int64_t n) { return random::normal({n, 12, 12, 2}); }
Tensor classes(std::int64_t n) { return random::randint({n}, 0, 5); }

TEST(Profile, HasAKernelForEachStepOfThePlan) {
  Sequential model = small_network();
  const StepProfile profile = model.profile(images(40), classes(40), {.batch_size = 32, .steps = 2, .warmup = 0});
  EXPECT_EQ(profile.kernels().size(), model.plan({.batch_size = 32}).steps());
  std::set<std::string> layers;
  bool gradient = false;
  for (const StepProfile::Kernel& k : profile.kernels()) {
    layers.insert(k.layer);
    gradient = gradient || k.gradient;
    EXPECT_GE(k.seconds, 0) << k.op;
    EXPECT_GT(k.bytes, 0) << k.op;
  }
  EXPECT_TRUE(gradient);
  EXPECT_TRUE(std::ranges::any_of(layers, [](const std::string& l) { return l.find("conv") != std::string::npos; }));
}

// The kernels' own times, taken one by one, against the clock around the same steps.
TEST(Profile, TimesAddUpToTheStep) {
  utils::set_random_seed(4);
  Sequential model({layers::Input({512}), layers::Dense(512, {.activation = "relu"}), layers::Dense(512)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = random::normal({256, 512});
  const StepProfile profile = model.profile(x, x, {.batch_size = 256, .steps = 20});
  EXPECT_LE(profile.kernel_seconds(), profile.step_seconds());
  EXPECT_GE(profile.kernel_seconds(), 0.9 * profile.step_seconds());
}

TEST(Profile, LeavesTheModelAsItWas) {
  Sequential profiled = small_network(), plain = small_network();
  utils::set_random_seed(9);
  const Tensor x = images(64), y = classes(64);
  profiled.profile(x, y, {.batch_size = 32, .steps = 3});
  for (Sequential* model : {&profiled, &plain})
    model->fit(x, y, {.batch_size = 32, .epochs = 2, .verbose = 0, .shuffle = false});
  const Tensors a = profiled.get_weights(), b = plain.get_weights();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::int64_t k = 0; k < a[i].size(); ++k) ASSERT_EQ(a[i].at<float>(k), b[i].at<float>(k)) << i << " " << k;
}

TEST(Profile, OfInferenceHasNoGradients) {
  Sequential model = small_network();
  const StepProfile profile = model.profile(images(8), classes(8), {.batch_size = 8, .steps = 1, .mode = Mode::infer});
  for (const StepProfile::Kernel& k : profile.kernels()) EXPECT_FALSE(k.gradient) << k.op;
}

TEST(Profile, TableShowsLayersAndTheirOps) {
  Sequential model = small_network();
  const std::string table = model.profile(images(32), classes(32), {.batch_size = 16, .steps = 2}).table();
  EXPECT_NE(table.find("a step on 16 samples on cpu:0: "), std::string::npos) << table;
  for (const char* text : {"GB/s", "/conv ", "  conv2d", "(gradient)", "/classes "})
    EXPECT_NE(table.find(text), std::string::npos) << text << " in\n" << table;
  // The layers' shares are those of the kernels.
  double share = 0;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);)
    if (line.size() > 45 && line[0] != ' ' && line.find('%') != std::string::npos && !line.starts_with("a step"))
      share += std::stod(line.substr(line.find('%') - 6));
  const StepProfile again = model.profile(images(32), classes(32), {.batch_size = 16, .steps = 2});
  EXPECT_GT(share, 50);
  EXPECT_LE(share, 101);
}

class ProfileFile : public testing::TemporaryFolder {};

TEST_F(ProfileFile, TraceParsesAndNestsKernelsInSteps) {
  Sequential model = small_network();
  const StepProfile profile = model.profile(images(32), classes(32), {.batch_size = 16, .steps = 3});
  profile.write_trace(file("trace.json"));
  std::ifstream in(file("trace.json"));
  std::stringstream text;
  text << in.rdbuf();
  const ConfigValue trace = parse_json(text.str(), "trace.json");
  double step_begin = 0, step_end = -1, in_kernels = 0, in_steps = 0;
  std::size_t kernels = 0, steps = 0;
  for (const ConfigValue& value : trace.as_config().at("traceEvents").as_list()) {
    const Config& event = value.as_config();
    if (event.at("ph").as_string() != "X") continue;
    const double begin = event.at("ts").as_double(), duration = event.at("dur").as_double();
    EXPECT_GE(duration, 0);
    if (event.at("cat").as_string() == "step") {
      EXPECT_GE(begin, step_end);
      step_begin = begin, step_end = begin + duration;
      in_steps += duration;
      ++steps;
    } else {
      EXPECT_GE(begin, step_begin);
      EXPECT_LE(begin + duration, step_end + 1e-3);
      in_kernels += duration;
      ++kernels;
    }
  }
  EXPECT_EQ(steps, 3u);
  EXPECT_EQ(kernels, 3 * profile.kernels().size());
  EXPECT_NEAR(in_steps * 1e-6, 3 * profile.step_seconds(), 1e-6);
  EXPECT_NEAR(in_kernels * 1e-6, 3 * profile.kernel_seconds(), 1e-6);
}

TEST(ProfileErrors, NameTheArgument) {
  Sequential model = small_network();
  EXPECT_ERROR(model.profile(images(8), classes(8), {.steps = 0}),
               "[profile: steps] expected a positive number; received 0");
  EXPECT_ERROR(model.profile(images(8), classes(8), {.batch_size = 0}), "[profile: batch_size]");
  EXPECT_ERROR(model.profile(images(8), Data()), "[profile: y] expected targets");
  Sequential uncompiled({layers::Input({2}), layers::Dense(1)});
  EXPECT_ERROR(uncompiled.profile(zeros({1, 2}), zeros({1, 1})), "compile()");
}

}  // namespace
}  // namespace strata
