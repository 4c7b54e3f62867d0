// Trains a small network on CIFAR-10 and prints its accuracy on images it has not seen. See --help.
#include <cstdio>
#include <string>

#include "examples/cifar10/networks.h"
#include "examples/cifar10/photographs.h"
#include "examples/command_line.h"

using namespace strata;

namespace {

struct Arguments : examples::Common {
  std::string model = "resnet", data, save, tensorboard, precision = "float32";
  int epochs = 12;
  std::int64_t batch_size = 128, width = 24;
  double learning_rate = 0.2;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--data", a.data,
                 "folder with CIFAR-10's binary files, or with a folder of images for each class, as examples/data; "
                 "default: look for the binary files in the usual places");
  app.add_option("--model", a.model, "resnet: nine layers; vgg: the same size, for style_transfer's features")
      ->check(CLI::IsMember({"resnet", "vgg"}))
      ->capture_default_str();
  app.add_option("--width", a.width, "filters of the first convolution; the last ones have eight times as many")
      ->check(CLI::Range(1, 512))
      ->capture_default_str();
  app.add_option("--epochs", a.epochs, "passes over the training images")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch-size", a.batch_size, "images in a step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--learning-rate", a.learning_rate, "the highest; it rises for a fifth of the steps, then falls to 0")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  examples::add_precision_option(app, a.precision);
  app.add_option("--save", a.save, "write the model to this file (FILE.keras) at the end");
  app.add_option("--tensorboard", a.tensorboard, "write event files for TensorBoard into this folder");
  examples::add_common_options(app, a);
}

Model make_model(const Arguments& a, std::int64_t classes, std::int64_t steps_per_epoch) {
  Model model = examples::small_network(a.model, a.width, classes);
  const std::int64_t steps = steps_per_epoch * a.epochs, warmup = steps / 5;
  const optimizers::schedules::CosineDecay rate(a.learning_rate / 10, static_cast<double>(steps - warmup),
                                                {.warmup_target = a.learning_rate, .warmup_steps = warmup});
  model.compile(
      {.optimizer = optimizers::SGD({.learning_rate = rate, .momentum = 0.9, .nesterov = true, .weight_decay = 5e-4}),
       .loss = losses::CategoricalCrossentropy({.label_smoothing = 0.1}),
       .metrics = {"accuracy"}});
  return model;
}

void train(const Arguments& a) {
  const auto seed = static_cast<std::uint64_t>(a.seed);
  const examples::Photographs photographs = examples::load_photographs(a.data, seed);
  const auto batches =
      photographs.train.map(examples::flip_and_shift, {.num_parallel_calls = data::AUTOTUNE, .seed = seed})
          .batch(a.batch_size)
          .prefetch(data::AUTOTUNE);
  const auto validation = photographs.validation.batch(a.batch_size).cache();
  Model model = make_model(a, photographs.classes, batches.cardinality());
  model.summary();
  std::printf("%lld images to learn, %lld for validation, %d threads\n",
              static_cast<long long>(photographs.train.cardinality()),
              static_cast<long long>(photographs.validation.cardinality()), config::num_threads());
  std::fflush(stdout);

  const examples::Interruption interruption;
  Callbacks callbacks;
  if (!a.tensorboard.empty()) callbacks.push_back(callbacks::TensorBoard(a.tensorboard));
  model.fit(batches,
            {.epochs = a.epochs, .callbacks = callbacks, .validation_data = validation, .stop = interruption.token()});
  if (interruption.token().stop_requested()) std::printf("\nstopped after the current step\n");
  if (!a.save.empty()) {
    model.save(a.save);
    std::printf("model saved to %s\n", a.save.c_str());
  }
  std::printf("validation accuracy %.4f\n", model.evaluate(validation, {.verbose = 0})["accuracy"]);
  if (photographs.test)
    std::printf("test accuracy %.4f\n",
                model.evaluate(photographs.test->batch(a.batch_size), {.verbose = 0})["accuracy"]);
}

int run(const Arguments& a) {
  mixed_precision::set_global_policy(DTypePolicy(a.precision));
  return examples::run_on_device(a, {}, [&] { train(a); });
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Trains a small network on CIFAR-10: mirrored and shifted images, a rate that rises and falls.",
               "cifar10");
  add_options(app, arguments);
  return examples::main_of(app, argc, argv, [&] { return run(arguments); });
}
