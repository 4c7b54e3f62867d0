// Trains a network on MNIST or Fashion-MNIST and prints its test accuracy. See --help.
#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <stop_token>
#include <string>
#include <thread>

using namespace strata;

namespace {

struct Arguments {
  std::string device = "auto", model = "cnn", dataset = "mnist", data, save, load, batch_size = "128",
              precision = "float32";
  int epochs = 5, threads = 0;
  std::int64_t seed = 1;
  double learning_rate = 1e-3;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--device", a.device, "where to compute: cpu, gpu, or auto (a GPU if there is one)")
      ->check(CLI::IsMember({"cpu", "gpu", "auto"}))->capture_default_str();
  app.add_option("--model", a.model, "cnn: 1,199,882 parameters; mlp: 784-512-512-10")
      ->check(CLI::IsMember({"mlp", "cnn"}))->capture_default_str();
  app.add_option("--dataset", a.dataset, "which images to learn")
      ->check(CLI::IsMember({"mnist", "fashion_mnist"}))->capture_default_str();
  app.add_option("--data", a.data, "folder that holds the dataset's files; default: look in the usual places");
  app.add_option("--epochs", a.epochs, "passes over the training images")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--batch-size", a.batch_size, "images in a step, or auto: the most that fit into memory")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40, "NUMBER") | CLI::IsMember({"auto"}))
      ->capture_default_str();
  app.add_option("--precision", a.precision, "what to compute in: float32, or 16 bits with weights in float32")
      ->check(CLI::IsMember({"float32", "mixed_bfloat16", "mixed_float16"}))
      ->capture_default_str();
  app.add_option("--learning-rate", a.learning_rate, "of the optimizer, Adam")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", a.threads, "processor threads; 0 means all")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--seed", a.seed, "of weights, order of images and dropout")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--save", a.save, "write the weights to this file (FILE.weights.h5) at the end");
  app.add_option("--load", a.load, "start from the weights in this file");
  app.set_version_flag("--version", std::string(version()));
}

Sequential make_model(const std::string& kind) {
  if (kind == "mlp")
    return Sequential({layers::Input({28, 28, 1}), layers::Flatten(), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2),
                       layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2), layers::Dense(10, {.activation = "softmax"})},
                      "mlp");
  return Sequential({layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
                     layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25), layers::Flatten(),
                     layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5), layers::Dense(10, {.activation = "softmax"})},
                    "cnn");
}

/// The device to use. Asked for a GPU that cannot be used, it says why on stderr and returns nothing.
std::string choose_device(const std::string& asked) {
  const bool gpu = !config::list_physical_devices("gpu").empty();
  if (asked == "gpu" && !gpu) {
    std::fprintf(stderr, "--device gpu: %s\n", config::why_no_gpu().c_str());
    return {};
  }
  return gpu && asked != "cpu" ? "gpu:0" : "cpu:0";
}

std::atomic<bool> interrupted{false};
void on_interrupt(int) { interrupted = true; }

/// Turns Ctrl-C into a request to stop after the current step. A second Ctrl-C ends the program at once.
class Interruption {
 public:
  Interruption() : watcher_([this](const std::stop_token& end) { watch(end); }) { std::signal(SIGINT, on_interrupt); }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch(const std::stop_token& end) {
    while (!end.stop_requested() && !interrupted) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!interrupted) return;
    std::signal(SIGINT, SIG_DFL);
    stop_.request_stop();
  }
  std::stop_source stop_;
  std::jthread watcher_;
};

Tensor images(const Tensor& pixels) { return expand_dims(cast(pixels, DType::f32) / 255.0f, -1); }

int run(const Arguments& a) {
  const std::string device = choose_device(a.device);
  if (device.empty()) return 2;
  const DeviceScope scope(device);
  config::set_num_threads(a.threads);
  utils::set_random_seed(static_cast<std::uint64_t>(a.seed));
  const datasets::LoadOptions where{.directory = a.data};
  const auto [train, test] = a.dataset == "mnist" ? datasets::mnist::load_data(where) : datasets::fashion_mnist::load_data(where);

  mixed_precision::set_global_policy(DTypePolicy(a.precision));
  Sequential model = make_model(a.model);
  model.summary();
  model.compile({.optimizer = optimizers::Adam({.learning_rate = a.learning_rate}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  if (!a.load.empty()) model.load_weights(a.load);
  const Interruption interruption;
  std::printf("training on %s, %d threads, %s\n", device.c_str(), config::num_threads(), a.precision.c_str());
  std::fflush(stdout);
  const BatchSize batch_size = a.batch_size == "auto" ? BatchSize::automatic() : BatchSize(std::stoll(a.batch_size));
  model.fit(images(train.x), train.y, {.batch_size = batch_size, .epochs = a.epochs, .stop = interruption.token()});
  if (interruption.token().stop_requested()) std::printf("\nstopped after the current step\n");
  if (!a.save.empty()) {
    model.save_weights(a.save);
    std::printf("weights saved to %s\n", a.save.c_str());
  }
  const Logs result = model.evaluate(images(test.x), test.y, {.batch_size = 256, .verbose = 0});
  std::printf("test loss %.4f\ntest accuracy %.4f\n", result["loss"], result["accuracy"]);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Trains a network on MNIST or Fashion-MNIST and prints its test accuracy.", "mnist");
  add_options(app, arguments);
  try {
    app.parse(argc, argv);
    return run(arguments);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mnist: %s\n", e.what());
    return 1;
  }
}
