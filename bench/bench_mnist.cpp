// The worker that bench/run.py times beside Keras and PyTorch. Protocol: bench/README.md.
#include <strata/strata.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

using namespace strata;

namespace {

constexpr std::int64_t train_batch = 128, infer_batch = 256;

double now() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// When this process started, on the clock of now(): field 22 of its stat file, in clock ticks.
double process_start() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double peak_resident_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return 1024 * std::stod(line.substr(6));
  return 0;
}

Sequential make_model(const std::string& workload) {
  if (workload == "mlp")
    return Sequential({layers::Input({28, 28, 1}), layers::Flatten(), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2),
                       layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2), layers::Dense(10, {.activation = "softmax"})});
  return Sequential({layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
                     layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25), layers::Flatten(),
                     layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5), layers::Dense(10, {.activation = "softmax"})});
}

/// Float images made piece by piece, so that no second copy of the whole set counts as memory.
Tensor float_images(const Tensor& pixels) {
  const std::int64_t n = pixels.shape()[0], piece = 1000;
  Tensor images(DType::f32, {n, 28, 28, 1});
  for (std::int64_t i = 0; i < n; i += piece) {
    const std::int64_t end = std::min(i + piece, n);
    images.rows(i, end).copy_from(expand_dims(cast(pixels.rows(i, end), DType::f32) / 255.0f, -1));
  }
  return images;
}

class Worker {
 public:
  Worker(const std::string& workload, int threads) : start_(process_start()) {
    config::set_num_threads(threads);
    utils::set_random_seed(1);
    const double loading = now();
    auto data = datasets::mnist::load_data({.quiet = true});
    x_ = float_images(data.train.x);
    y_ = data.train.y;
    data = {};
    loading_ = now() - loading;
    model_ = make_model(workload);
    model_.compile({.optimizer = optimizers::Adam({.learning_rate = 1e-3}), .loss = "sparse_categorical_crossentropy"});
    step();
    std::printf("ready %.6f strata %s\n", now() - start_ - loading_, std::string(version()).c_str());
    std::fflush(stdout);
  }

  void answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    int n = 1;
    words >> command >> n;
    if (command == "step") return time_steps(n);
    if (command == "infer") return time_inference(n);
    if (command == "fit") return time_fit();
    if (command == "memory")
      std::printf("memory %.3f\n", (peak_resident_bytes() - static_cast<double>(x_.bytes() + y_.bytes())) / 1e6);
    else
      std::printf("error unknown command '%s'\n", command.c_str());
  }

 private:
  double step() {
    model_.reset_metrics();
    return model_.train_on_batch(x_.rows(0, train_batch), y_.rows(0, train_batch))["loss"];
  }

  void time_steps(int n) {
    double loss = 0;
    const double begin = now();
    for (int i = 0; i < n; ++i) loss = step();
    std::printf("step %.6f %.6f\n", (now() - begin) / n * 1e3, loss);
  }

  void time_inference(int n) {
    const Tensor batch = x_.rows(0, infer_batch);
    model_.predict_on_batch(batch);
    const double begin = now();
    for (int i = 0; i < n; ++i) model_.predict_on_batch(batch);
    std::printf("infer %.3f\n", static_cast<double>(infer_batch) * n / (now() - begin));
  }

  void time_fit() {
    const FitOptions options{.batch_size = train_batch, .epochs = 1, .verbose = 0};
    if (!fitted_) model_.fit(x_.rows(0, 224), y_.rows(0, 224), options);
    fitted_ = true;
    const double begin = now();
    const History history = model_.fit(x_, y_, options);
    std::printf("fit %.6f %.6f\n", now() - begin, history["loss"].back());
  }

  double start_, loading_ = 0;
  Tensor x_, y_;
  Sequential model_;
  bool fitted_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  std::string workload = "cnn", mode = "default";
  int threads = 0;
  CLI::App app("Strata's worker for bench/run.py", "bench_mnist");
  app.add_option("--workload", workload, "mlp or cnn")->check(CLI::IsMember({"mlp", "cnn"}));
  app.add_option("--threads", threads, "processor threads; 0 means all");
  app.add_option("--mode", mode, "default is the only one")->check(CLI::IsMember({"default"}));
  CLI11_PARSE(app, argc, argv);
  try {
    Worker worker(workload, threads);
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
      worker.answer(line);
      std::fflush(stdout);
    }
    return 0;
  } catch (const std::exception& e) {
    std::printf("error %s\n", e.what());
    return 1;
  }
}
