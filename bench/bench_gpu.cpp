// The worker that tools/gpu_report times beside PyTorch on a GPU. It answers one line for each line that it reads:
//   step WORKLOAD PRECISION STEPS        microseconds of a training step, and of the processor's work for it
//   matmul DTYPE M N K REPEATS           microseconds of a product
//   conv PASS DTYPE N H W C F K S REPEATS   microseconds of a convolution ("forward", "data", "weights"; padding same)
#include <strata/strata.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <sstream>

using namespace strata;

namespace {
constexpr std::int64_t batch = 128;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

DType dtype_named(const std::string& name) {
  return name == "f16" ? DType::f16 : name == "bf16" ? DType::bf16 : DType::f32;
}

Sequential make_model(const std::string& workload) {
  if (workload == "mlp")
    return Sequential({layers::Input({28, 28, 1}), layers::Flatten(), layers::Dense(512, {.activation = "relu"}),
                       layers::Dropout(0.2), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2),
                       layers::Dense(10, {.activation = "softmax"})});
  return Sequential({layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
                     layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25),
                     layers::Flatten(), layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5),
                     layers::Dense(10, {.activation = "softmax"})});
}

/// A compiled model with a batch on the device.
struct Training {
  Sequential model;
  Tensor x, y;
  Training(const std::string& workload, const std::string& precision) {
    mixed_precision::set_global_policy(DTypePolicy(precision));
    model = make_model(workload);
    mixed_precision::set_global_policy("float32");
    model.compile({.optimizer = optimizers::Adam({.learning_rate = 1e-3}), .loss = "sparse_categorical_crossentropy"});
    x = random::uniform({batch, 28, 28, 1});
    y = random::randint({batch}, 0, 10);
  }
};

void time_steps(std::istream& words) {
  static std::map<std::string, Training> all;
  std::string workload, precision;
  int steps = 0;
  words >> workload >> precision >> steps;
  const std::string key = workload + " " + precision;
  auto found = all.find(key);
  if (found == all.end()) found = all.emplace(key, Training(workload, precision)).first;
  Training& t = found->second;
  for (int i = 0; i < 5; ++i) t.model.train_on_batch(t.x, t.y);
  (void)t.model.train_on_batch(t.x, t.y)["loss"];  // waits for the device
  const double begin = seconds(), working = processor_seconds();
  for (int i = 0; i + 1 < steps; ++i) t.model.train_on_batch(t.x, t.y);
  const double worked = processor_seconds() - working;
  const double loss = t.model.train_on_batch(t.x, t.y)["loss"];
  std::printf("step %.3f %.3f %.6f\n", (seconds() - begin) / steps * 1e6, worked / steps * 1e6, loss);
}

/// Microseconds of one of `repeats` calls in a row.
template <class F>
double each(int repeats, F&& f) {
  Tensor last = f();
  last = f();
  (void)last.rows(0, 1).on_host();  // waits for the device
  const double begin = seconds();
  for (int i = 0; i < repeats; ++i) last = f();
  (void)last.rows(0, 1).on_host();
  return (seconds() - begin) / repeats * 1e6;
}

void time_product(std::istream& words) {
  std::string dtype;
  std::int64_t m = 0, n = 0, k = 0;
  int repeats = 0;
  words >> dtype >> m >> n >> k >> repeats;
  const Tensor a = cast(random::normal({m, k}), dtype_named(dtype)),
               b = cast(random::normal({k, n}), dtype_named(dtype));
  std::printf("matmul %.3f\n", each(repeats, [&] { return matmul(a, b); }));
}

void time_convolution(std::istream& words) {
  std::string pass, dtype;
  std::int64_t n = 0, h = 0, w = 0, c = 0, f = 0, k = 0, stride = 0;
  int repeats = 0;
  words >> pass >> dtype >> n >> h >> w >> c >> f >> k >> stride >> repeats;
  const Window2D window{.strides = {stride, stride}, .padding = Padding::same};
  const Tensor x = cast(random::normal({n, h, w, c}), dtype_named(dtype)),
               kernel = cast(random::normal({k, k, c, f}), dtype_named(dtype));
  const Tensor y = conv2d(x, kernel, window);
  const double t = each(repeats, [&]() -> Tensor {
    if (pass == "data") return apply(Conv2DDataGradient{window, x.shape()}, y, kernel);
    if (pass == "weights") return apply(Conv2DWeightGradient{window, kernel.shape()}, x, y);
    return conv2d(x, kernel, window);
  });
  std::printf("conv %.3f\n", t);
}

void answer(const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "step") return time_steps(words);
  if (command == "matmul") return time_product(words);
  if (command == "conv") return time_convolution(words);
  std::printf("error unknown command '%s'\n", command.c_str());
}
}  // namespace

int main() {
  try {
    const DeviceScope scope("gpu:0");
    std::printf("ready strata %s on %s\n", std::string(version()).c_str(),
                config::list_physical_devices("gpu")[0].description.c_str());
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
      try {
        answer(line);
      } catch (const Error& e) {
        std::printf("error %s\n", e.what());
      }
      std::fflush(stdout);
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
