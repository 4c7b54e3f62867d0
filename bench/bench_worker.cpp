// The worker that bench/run.py times beside Keras and PyTorch. Protocol: bench/README.md.
#include <strata/strata.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

using namespace strata;

namespace {

struct Arguments {
  std::string workload, mode = "default", precision = "float32";
  std::int64_t batch = 0, image_size = 0;
  int threads = 0, replicas = 0;
  bool random_data = false;
};

/// As in bench/workloads.py.
struct Workload {
  std::int64_t image_size, channels, classes, batch, infer_batch;
  Model (*make)(const Shape& images);

  bool is_mnist() const { return channels == 1; }
};

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

Model mlp(const Shape& images) {
  return Sequential({layers::Input(images), layers::Flatten(), layers::Dense(512, {.activation = "relu"}),
                     layers::Dropout(0.2), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2),
                     layers::Dense(10, {.activation = "softmax"})});
}

Model cnn(const Shape& images) {
  return Sequential({layers::Input(images), layers::Conv2D(32, 3, {.activation = "relu"}),
                     layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25),
                     layers::Flatten(), layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5),
                     layers::Dense(10, {.activation = "softmax"})});
}

template <auto network, class Options = applications::Options>
Workload application(std::int64_t image_size, std::int64_t batch) {
  return {image_size, 3, 1000, batch, batch, [](const Shape& images) {
            Options options;
            options.weights = "";
            options.input_shape = images;
            return network(options);
          }};
}

const std::map<std::string, Workload>& workloads() {
  using namespace applications;
  static const std::map<std::string, Workload> all{
      {"mlp", {28, 1, 10, 128, 256, mlp}},
      {"cnn", {28, 1, 10, 128, 256, cnn}},
      {"mobilenet", application<MobileNet, MobileNetOptions>(224, 16)},
      {"xception", application<Xception>(299, 4)},
      {"resnet50", application<ResNet50>(224, 8)},
      {"vgg16", application<VGG16>(224, 4)},
  };
  return all;
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

/// Replicas of this process, or, where it is one of several (docs/launch.md), its own.
distribute::MirroredStrategy processors(int replicas) {
  std::vector<std::string> names;
  for (int r = 0; r < replicas; ++r) names.push_back("cpu:" + std::to_string(r));
  return distribute::MirroredStrategy(names);
}

class Worker {
 public:
  explicit Worker(const Arguments& given)
      : start_(process_start()),
        workload_(workloads().at(given.workload)),
        batch_(given.batch > 0 ? given.batch : workload_.batch),
        infer_batch_(given.batch > 0 ? given.batch : workload_.infer_batch),
        image_size_(given.image_size > 0 ? given.image_size : workload_.image_size),
        random_(given.random_data || !workload_.is_mnist()) {
    config::set_num_threads(given.threads);
    mixed_precision::set_global_policy(DTypePolicy(given.precision));
    utils::set_random_seed(1);
    const double loading = now();
    load();
    loading_ = now() - loading;
    if (given.replicas > 0) scope_.emplace(processors(given.replicas));
    model_ = workload_.make({image_size_, image_size_, workload_.channels});
    Optimizer optimizer = optimizers::SGD({.learning_rate = 1e-3, .momentum = 0.9});
    if (workload_.is_mnist()) optimizer = optimizers::Adam({.learning_rate = 1e-3});
    model_.compile({.optimizer = optimizer, .loss = "sparse_categorical_crossentropy"});
    step();
    std::printf("ready %.6f strata %s\n", now() - start_ - loading_, std::string(version()).c_str());
    std::fflush(stdout);
  }

  void answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    std::int64_t n = 1, batch = infer_batch_;
    words >> command;
    if (words >> n) words >> batch;
    if (command == "step") return time_steps(n);
    if (command == "infer") return time_inference(n, batch > 0 ? batch : infer_batch_);
    if (command == "fit" && !random_) return time_fit();
    if (command == "exchanges") return list_exchanges();
    if (command == "memory")
      std::printf("memory %.3f\n", (peak_resident_bytes() - static_cast<double>(x_.bytes() + y_.bytes())) / 1e6);
    else if (command == "fit")
      std::printf("error fit wants the MNIST images\n");
    else
      std::printf("error unknown command '%s'\n", command.c_str());
  }

 private:
  void load() {
    if (random_) {
      const std::int64_t count = std::max(batch_, infer_batch_);
      x_ = random::normal({count, image_size_, image_size_, workload_.channels});
      y_ = random::randint({count}, 0, workload_.classes);
      return;
    }
    const auto data = datasets::mnist::load_data({.quiet = true});
    x_ = float_images(data.train.x);
    y_ = data.train.y;
  }

  double step() {
    model_.reset_metrics();
    return model_.train_on_batch(x_.rows(0, batch_), y_.rows(0, batch_))["loss"];
  }

  void time_steps(std::int64_t n) {
    double loss = 0;
    const double begin = now();
    for (std::int64_t i = 0; i < n; ++i) loss = step();
    std::printf("step %.6f %.6f\n", (now() - begin) / static_cast<double>(n) * 1e3, loss);
  }

  void time_inference(std::int64_t n, std::int64_t size) {
    if (size > x_.shape()[0]) {
      std::printf("error a batch of %lld is larger than the data\n", static_cast<long long>(size));
      return;
    }
    const Tensor batch = x_.rows(0, size);
    model_.predict_on_batch(batch);
    const double begin = now();
    for (std::int64_t i = 0; i < n; ++i) model_.predict_on_batch(batch);
    std::printf("infer %.3f\n", static_cast<double>(size * n) / (now() - begin));
  }

  /// The sums over replicas of a step: bytes, and which part of the step's multiplications comes before.
  void list_exchanges() {
    const ProfileOptions once{.batch_size = batch_, .steps = 1, .warmup = 0, .roofline = false};
    const StepProfile step = model_.profile(x_.rows(0, batch_), y_.rows(0, batch_), once);
    double all = 0, before = 0;
    for (const auto& kernel : step.kernels()) all += kernel.flops;
    std::printf("exchanges");
    for (const auto& kernel : step.kernels()) {
      before += kernel.flops;
      if (kernel.op == "all_reduce") std::printf(" %lld:%.3f", static_cast<long long>(kernel.bytes / 2), before / all);
    }
    std::printf("\n");
  }

  void time_fit() {
    const FitOptions options{.batch_size = batch_, .epochs = 1, .verbose = 0};
    // One full batch, and one of the size that ends an epoch.
    const std::int64_t both = batch_ + x_.shape()[0] % batch_;
    if (!fitted_) model_.fit(x_.rows(0, both), y_.rows(0, both), options);
    fitted_ = true;
    const double begin = now();
    const History history = model_.fit(x_, y_, options);
    std::printf("fit %.6f %.6f\n", now() - begin, history["loss"].back());
  }

  double start_, loading_ = 0;
  const Workload& workload_;
  std::int64_t batch_, infer_batch_, image_size_;
  bool random_;
  Tensor x_, y_;
  std::optional<distribute::StrategyScope> scope_;
  Model model_;
  bool fitted_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app("Strata's worker for bench/run.py", "bench_worker");
  std::vector<std::string> names;
  for (const auto& [name, workload] : workloads()) names.push_back(name);
  app.add_option("--workload", a.workload, "what is measured")->required()->check(CLI::IsMember(names));
  app.add_option("--threads", a.threads, "processor threads; 0 means all");
  app.add_option("--mode", a.mode, "default is the only one")->check(CLI::IsMember({"default"}));
  app.add_option("--batch", a.batch, "of a training step and of inference; default: the workload's own")
      ->check(CLI::PositiveNumber);
  app.add_option("--precision", a.precision, "a dtype policy")
      ->check(CLI::IsMember({"float32", "mixed_bfloat16", "mixed_float16"}));
  app.add_option("--image-size", a.image_size, "height and width; default: the workload's own")
      ->check(CLI::PositiveNumber);
  app.add_option("--replicas", a.replicas, "of a MirroredStrategy on the processor; default: no strategy")
      ->check(CLI::Range(1, 64));
  app.add_flag("--random-data", a.random_data, "for the MNIST workloads, too");
  CLI11_PARSE(app, argc, argv);
  try {
    Worker worker(a);
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
      worker.answer(line);
      std::fflush(stdout);
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
