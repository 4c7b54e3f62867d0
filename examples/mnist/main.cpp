// Trains a network on MNIST or Fashion-MNIST and prints its test accuracy. See --help.
#include <cstdio>
#include <string>

#include "examples/command_line.h"

using namespace strata;

namespace {

struct Arguments : examples::Common {
  std::string model = "cnn", dataset = "mnist", data, save, load, batch_size = "128", precision = "float32";
  int epochs = 5;
  double learning_rate = 1e-3;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--model", a.model, "cnn: 1,199,882 parameters; mlp: 784-512-512-10")
      ->check(CLI::IsMember({"mlp", "cnn"}))
      ->capture_default_str();
  app.add_option("--dataset", a.dataset, "which images to learn")
      ->check(CLI::IsMember({"mnist", "fashion_mnist"}))
      ->capture_default_str();
  app.add_option("--data", a.data, "folder that holds the dataset's files; default: look in the usual places");
  app.add_option("--epochs", a.epochs, "passes over the training images")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  examples::add_batch_size_option(app, a.batch_size, "images in a step, or auto: the most that fit into memory");
  examples::add_precision_option(app, a.precision);
  app.add_option("--learning-rate", a.learning_rate, "of the optimizer, Adam")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--save", a.save, "write the weights to this file (FILE.weights.h5) at the end");
  app.add_option("--load", a.load, "start from the weights in this file");
  examples::add_common_options(app, a);
}

Sequential make_network(const std::string& kind) {
  if (kind == "mlp")
    return Sequential({layers::Input({28, 28, 1}), layers::Flatten(), layers::Dense(512, {.activation = "relu"}),
                       layers::Dropout(0.2), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2),
                       layers::Dense(10, {.activation = "softmax"})},
                      "mlp");
  return Sequential(
      {layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
       layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25), layers::Flatten(),
       layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5), layers::Dense(10, {.activation = "softmax"})},
      "cnn");
}

Sequential make_model(const Arguments& a) {
  Sequential model = make_network(a.model);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = a.learning_rate}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  return model;
}

Tensor images(const Tensor& pixels) { return expand_dims(cast(pixels, DType::f32) / 255.0f, -1); }

void train(const Arguments& a) {
  const datasets::LoadOptions where{.directory = a.data};
  const auto [train, test] =
      a.dataset == "mnist" ? datasets::mnist::load_data(where) : datasets::fashion_mnist::load_data(where);

  Sequential model = make_model(a);
  model.summary();
  if (!a.load.empty()) model.load_weights(a.load);
  const examples::Interruption interruption;
  std::printf("training on %s, %d threads, %s\n", to_string(current_device()).c_str(), config::num_threads(),
              a.precision.c_str());
  std::fflush(stdout);
  model.fit(images(train.x), train.y,
            {.batch_size = examples::batch_size(a.batch_size), .epochs = a.epochs, .stop = interruption.token()});
  if (interruption.token().stop_requested()) std::printf("\nstopped after the current step\n");
  if (!a.save.empty()) {
    model.save_weights(a.save);
    std::printf("weights saved to %s\n", a.save.c_str());
  }
  const Logs result = model.evaluate(images(test.x), test.y, {.batch_size = 256, .verbose = 0});
  std::printf("test loss %.4f\ntest accuracy %.4f\n", result["loss"], result["accuracy"]);
}

int run(const Arguments& a) {
  mixed_precision::set_global_policy(DTypePolicy(a.precision));
  const BatchSize batch = examples::batch_size(a.batch_size);
  return examples::run_on_device(
      a, {.make = [&] { return make_model(a); }, .batch_size = batch.is_automatic() ? 128 : batch.samples()},
      [&] { train(a); });
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Trains a network on MNIST or Fashion-MNIST and prints its test accuracy.", "mnist");
  add_options(app, arguments);
  return examples::main_of(app, argc, argv, [&] { return run(arguments); });
}
