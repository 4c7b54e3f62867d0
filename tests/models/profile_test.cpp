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
  const StepProfile profile =
      model.profile(images(40), classes(40), {.batch_size = 32, .steps = 2, .warmup = 0, .roofline = false});
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

// A dense layer's product is 2 m n k; the first layer has no gradient of its input.
TEST(Profile, CountsTheOperationsOfProducts) {
  Sequential model({layers::Input({48}), layers::Dense(64, {.activation = "relu", .name = "first"}),
                    layers::Dense(10, {.name = "second"})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const ProfileOptions options{.batch_size = 32, .steps = 1, .warmup = 0, .roofline = false};
  const StepProfile profile = model.profile(random::normal({32, 48}), random::normal({32, 10}), options);
  std::vector<double> forward, gradient;
  for (const StepProfile::Kernel& k : profile.kernels())
    if (k.flops > 0) (k.gradient ? gradient : forward).push_back(k.flops);
  std::ranges::sort(gradient);
  const double first = 2.0 * 32 * 48 * 64, second = 2.0 * 32 * 64 * 10;
  EXPECT_EQ(forward, (std::vector<double>{first, second}));
  EXPECT_EQ(gradient, (std::vector<double>{second, second, first}));
  EXPECT_EQ(profile.reorders().count, 0);
  EXPECT_EQ(profile.least_seconds(), 0) << "not measured";
  EXPECT_NE(profile.table().find("no reorders into layouts of oneDNN"), std::string::npos);
}

/// A product of 2 * 8 * 4 * 2 operations on 224 bytes, and a sum of 160 bytes.
std::shared_ptr<const Plan> product_and_sum() {
  const Value a = placeholder({8, 4}), b = placeholder({4, 2}), c = placeholder({16}), d = placeholder({16});
  return Plan::compile({a, b, c, d}, lower({matmul(a, b), c + sum(d)}, {}), {.fuse = false});
}

TEST(Profile, HoldsKernelsAgainstTheRoofline) {
  const auto plan = product_and_sum();
  StepProfile::Step step{.begin = 0, .wall = 1, .times = {}};
  for (std::size_t k = 0; k <= plan->steps().size(); ++k) step.times.marks.push_back(0.25 * static_cast<double>(k));
  step.times.reorders.assign(plan->steps().size(), {2, 100, 0.125});
  const double operations = 2.0 * 8 * 4 * 2, bytes = 4 * (8 * 4 + 4 * 2 + 8 * 2);
  for (const Roofline roofline : {Roofline{operations / 0.2, 1e6}, Roofline{1e6, bytes / 0.2}}) {
    const StepProfile profile(*plan, 8, {step, step}, {{DType::f32, roofline}});
    double least = 0;
    for (const StepProfile::Kernel& k : profile.kernels()) {
      least += k.least_seconds;
      EXPECT_EQ(k.seconds, 0.25);
      if (k.op == "matmul") {
        EXPECT_NEAR(k.least_seconds, 0.2, 1e-12) << "limited by one or the other";
        EXPECT_EQ(k.flops, operations);
      } else {
        EXPECT_EQ(k.flops, 0);
        EXPECT_NEAR(k.least_seconds, static_cast<double>(k.bytes) / roofline.bytes, 1e-12) << k.op;
      }
      EXPECT_EQ(k.reorders.count, 2);
    }
    EXPECT_EQ(profile.least_seconds(), least);
    const auto kernels = static_cast<std::int64_t>(plan->steps().size());
    const Reorders all = profile.reorders();
    EXPECT_EQ(all.count, 2 * kernels);
    EXPECT_EQ(all.bytes, 100 * kernels);
    EXPECT_EQ(all.seconds, 0.125 * static_cast<double>(kernels));
    for (const std::string& table : {profile.table(), profile.kernel_table()}) {
      EXPECT_NE(table.find(" 80%\n"), std::string::npos) << table;  // 0.2 of 0.25
      EXPECT_NE(table.find(std::to_string(2 * kernels) + " reorders into layouts of oneDNN and back: "),
                std::string::npos)
          << table;
    }
  }
  // A product of another type than was measured is held against memory alone.
  const StepProfile unmeasured(*plan, 8, {step}, {{DType::f64, {1, bytes / 0.2}}});
  for (const StepProfile::Kernel& k : unmeasured.kernels())
    EXPECT_NEAR(k.least_seconds, static_cast<double>(k.bytes) / (bytes / 0.2), 1e-12) << k.op;
}

TEST(Profile, MeasuresTheRoofline) {
  Sequential model({layers::Input({256}), layers::Dense(256)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = random::normal({256, 256});
  const StepProfile profile = model.profile(x, x, {.batch_size = 256, .steps = 3});
  for (const StepProfile::Kernel& k : profile.kernels()) EXPECT_GT(k.least_seconds, 0) << k.op;
  EXPECT_GT(profile.least_seconds(), 0);
  EXPECT_NE(profile.table().find("GFLOP/s in a large product of float32"), std::string::npos) << profile.table();
}

TEST(Profile, NumbersAsJson) {
  Sequential model = small_network();
  const StepProfile profile = model.profile(images(32), classes(32), {.batch_size = 16, .steps = 3, .roofline = false});
  const Config json = parse_json(profile.json(), "json").as_config();
  EXPECT_EQ(json.at("samples").as_int(), 16);
  EXPECT_EQ(json.at("seconds").as_list().size(), 3u);
  EXPECT_TRUE(json.at("peaks").as_list().empty());
  EXPECT_EQ(json.at("step_seconds").as_double(), profile.step_seconds());
  const ConfigValue::List& kernels = json.at("kernels").as_list();
  ASSERT_EQ(kernels.size(), profile.kernels().size());
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const Config& k = kernels[i].as_config();
    EXPECT_EQ(k.at("op").as_string(), profile.kernels()[i].op);
    EXPECT_EQ(k.at("flops").as_double(), profile.kernels()[i].flops);
    EXPECT_EQ(k.at("reorders").as_config().at("count").as_int(), profile.kernels()[i].reorders.count);
    EXPECT_FALSE(k.contains("share_of_roofline")) << "not measured";
  }
}

// The kernels' own times, taken one by one, against the clock around the same steps.
TEST(Profile, TimesAddUpToTheStep) {
  utils::set_random_seed(4);
  Sequential model({layers::Input({512}), layers::Dense(512, {.activation = "relu"}), layers::Dense(512)});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const Tensor x = random::normal({256, 512});
  const StepProfile profile = model.profile(x, x, {.batch_size = 256, .steps = 20, .roofline = false});
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
  const StepProfile profile =
      model.profile(images(8), classes(8), {.batch_size = 8, .steps = 1, .mode = Mode::infer, .roofline = false});
  for (const StepProfile::Kernel& k : profile.kernels()) EXPECT_FALSE(k.gradient) << k.op;
}

TEST(Profile, TableShowsLayersAndTheirOps) {
  Sequential model = small_network();
  const StepProfile profile = model.profile(images(32), classes(32), {.batch_size = 16, .steps = 2, .roofline = false});
  const std::string table = profile.table();
  EXPECT_NE(table.find("a step on 16 samples on cpu:0: "), std::string::npos) << table;
  for (const char* text : {"GB/s", "GFLOP/s", "roofline", "/conv ", "  conv2d", "(gradient)", "/classes "})
    EXPECT_NE(table.find(text), std::string::npos) << text << " in\n" << table;
  // The layers' shares are those of the kernels.
  double share = 0;
  std::istringstream lines(table.substr(table.find("layer, op")));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 112u) << line;
    if (line[0] != ' ' && line.find('%') != std::string::npos) share += std::stod(line.substr(line.find('%') - 6));
  }
  EXPECT_NEAR(share, 100 * profile.kernel_seconds() / profile.step_seconds(), 1);
}

class ProfileFile : public testing::TemporaryFolder {};

TEST_F(ProfileFile, TraceParsesAndNestsKernelsInSteps) {
  Sequential model = small_network();
  const StepProfile profile = model.profile(images(32), classes(32), {.batch_size = 16, .steps = 3, .roofline = false});
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

// An exchange begins with its kernel, on another row, and is over when the step has waited for it; what runs between
// these is beside it.
TEST(Profile, TraceShowsExchangesOnARowOfTheirOwn) {
  const distribute::StrategyScope scope = distribute::MirroredStrategy({"cpu:0", "cpu:1"}).scope();
  Sequential model({layers::Input({16, 16, 4}), layers::Conv2D(16, 3, {.activation = "relu"}), layers::Flatten(),
                    layers::Dense(100, {.activation = "relu"}),  // too large for a bucket with what comes behind it
                    layers::Dense(5, {.activation = "softmax"})});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
  const StepProfile profile =
      model.profile(random::normal({64, 16, 16, 4}), classes(64), {.batch_size = 64, .steps = 3, .roofline = false});
  std::size_t exchange = 0, wait = 0;
  for (std::size_t k = 0; k < profile.kernels().size(); ++k) {
    if (profile.kernels()[k].op == "all_reduce" && exchange == 0) exchange = k;
    if (profile.kernels()[k].op == "wait") wait = k;
  }
  ASSERT_GT(wait, exchange + 3) << "kernels to run beside it\n" << profile.kernel_table();
  EXPECT_GT(profile.kernels()[exchange].bytes, 0);
  EXPECT_EQ(profile.kernels()[wait].bytes, 0);

  struct Event {
    double begin, end;
  };
  std::vector<Event> kernels;
  std::size_t exchanges = 0;
  const ConfigValue trace = parse_json(profile.trace(), "trace");
  for (const ConfigValue& value : trace.as_config().at("traceEvents").as_list()) {
    const Config& e = value.as_config();
    const bool second_row = e.contains("tid") && e.at("tid").as_int() == 2;
    if (e.at("ph").as_string() == "M") {
      EXPECT_EQ(e.at("name").as_string(), second_row ? "thread_name" : "process_name");
      continue;
    }
    const std::string category = e.at("cat").as_string();
    EXPECT_EQ(second_row, category == "exchange");
    const double begin = e.at("ts").as_double();
    const Event event{begin, begin + e.at("dur").as_double()};
    if (category == "exchange") {
      ++exchanges;
      const std::size_t first = kernels.size() - profile.kernels().size();  // of this step
      EXPECT_EQ(e.at("name").as_string(), "all_reduce");
      EXPECT_EQ(e.at("args").as_config().at("kernel").as_int(), static_cast<std::int64_t>(exchange));
      EXPECT_GE(event.begin, kernels.at(first + exchange).begin);
      EXPECT_LE(event.end, kernels.at(first + wait).end);
    } else if (category != "step") {
      kernels.push_back(event);
    }
  }
  EXPECT_EQ(exchanges, 3u);
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
