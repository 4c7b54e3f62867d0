// Teaches a network that knows some classes of images other ones, of which there are few. See --help.
#include <cstdio>
#include <string>
#include <vector>

#include "examples/cifar10/networks.h"
#include "examples/cifar10/photographs.h"
#include "examples/command_line.h"

using namespace strata;

namespace {

struct Arguments : examples::Common {
  std::string data = "examples/data", base, save;
  std::int64_t batch_size = 32, image_size = 0, new_classes = 2;
  int base_epochs = 15, epochs = 10, fine_epochs = 5;
  double fine_rate = 1e-4;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("--data", a.data, "folder with a folder of images for each class")->capture_default_str();
  auto* base =
      app.add_option("--base", a.base,
                     "network to begin with: imagenet (Xception), or FILE.keras, which `cifar10 --save` wrote; "
                     "default: a small one that first learns the other classes of the folder");
  app.add_option("--new-classes", a.new_classes,
                 "without --base: how many of the classes, the last ones, are new to it")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str()
      ->excludes(base);
  app.add_option("--base-epochs", a.base_epochs, "without --base: passes over the images of the other classes")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->excludes(base);
  app.add_option("--image-size", a.image_size,
                 "height and width that images are brought to; default: 32, with --base imagenet 150")
      ->check(CLI::Range(16, 4096));
  app.add_option("--batch-size", a.batch_size, "images in a step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--epochs", a.epochs, "passes over the images of the new classes, for the last layer alone")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--fine-epochs", a.fine_epochs, "passes after that, for everything")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--fine-rate", a.fine_rate, "learning rate of those")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--save", a.save, "write the model to this file (FILE.keras) at the end");
  examples::add_common_options(app, a);
}

std::int64_t image_size(const Arguments& a) {
  return a.image_size > 0 ? a.image_size : a.base == "imagenet" ? 150 : 32;
}

struct Batches {
  data::Dataset train, validation;
  std::int64_t classes;
};

/// Of these classes; all, if none are named. A fifth of the images is for validation.
Batches batches_of(const Arguments& a, const std::vector<std::string>& classes) {
  const auto [train, validation] =
      data::image_dataset_from_directory(a.data, {.class_names = classes,
                                                  .batch_size = 0,
                                                  .image_size = {image_size(a), image_size(a)},
                                                  .seed = static_cast<std::uint32_t>(a.seed),
                                                  .validation_split = 0.2,
                                                  .subset = "both"});
  return {.train = train
                       .map(examples::flip_and_shift,
                            {.num_parallel_calls = data::AUTOTUNE, .seed = static_cast<std::uint64_t>(a.seed)})
                       .batch(a.batch_size)
                       .prefetch(data::AUTOTUNE),
          .validation = validation.batch(a.batch_size).cache(),
          .classes = static_cast<std::int64_t>(train.class_names().size())};
}

void compile(Model& model, double rate) {
  model.compile({.optimizer = optimizers::Adam({.learning_rate = rate}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
}

double accuracy(Model& model, const data::Dataset& batches) {
  return model.evaluate(batches, {.verbose = 0})["accuracy"];
}

/// A network of `cifar10` up to what its last layer gets.
Model features_of(const Model& network) {
  return Model(network.inputs(), {network.get_layer("features").output()}, "base");
}

Model learned_base(const Arguments& a, const std::vector<std::string>& classes, const FitOptions& options) {
  std::printf("the base learns %zu classes\n", classes.size());
  const Batches batches = batches_of(a, classes);
  Model network = examples::resnet(16, batches.classes);
  compile(network, 2e-3);
  FitOptions base_options = options;
  base_options.epochs = a.base_epochs;
  network.fit(batches.train, base_options);
  std::printf("the base: validation accuracy %.4f of %lld classes\n", accuracy(network, batches.validation),
              static_cast<long long>(batches.classes));
  return features_of(network);
}

/// From images, RGB from 0 to 255, to [n, features].
Model given_base(const Arguments& a) {
  if (a.base != "imagenet") return features_of(load_model(a.base));
  const Symbol pixels = layers::Input({image_size(a), image_size(a), 3});
  return applications::Xception(
      {.include_top = false, .input_tensor = applications::xception::preprocess_input(pixels), .pooling = "avg"});
}

/// The classes of the folder: those that the base learns first, and the new ones.
struct Classes {
  std::vector<std::string> known, added;
};

Classes classes_of(const Arguments& a) {
  const std::vector<std::string> all = data::image_dataset_from_directory(a.data, {.verbose = false}).class_names();
  if (!a.base.empty()) return {.known = {}, .added = all};
  const auto known = static_cast<std::ptrdiff_t>(all.size()) - static_cast<std::ptrdiff_t>(a.new_classes);
  if (known < 2)
    throw Error("--new-classes", "must leave at least 2 of the " + std::to_string(all.size()) + " classes in " +
                                     a.data + " for the base; received " + std::to_string(a.new_classes));
  return {.known = {all.begin(), all.begin() + known}, .added = {all.begin() + known, all.end()}};
}

/// Trains the last layer alone, then everything, slowly.
void learn_new_classes(const Arguments& a, Model& base, Model& model, const Batches& batches, FitOptions options) {
  options.validation_data = batches.validation;
  base.set_trainable(false);
  compile(model, 1e-3);
  model.fit(batches.train, options);
  const double before = accuracy(model, batches.validation);

  std::printf("everything learns, slowly\n");
  base.set_trainable(true);
  for (const Layer& layer : base.layers())  // these keep their statistics, which few images would spoil
    if (layer.class_name() == "BatchNormalization") layer.set_trainable(false);
  compile(model, a.fine_rate);
  options.epochs = a.fine_epochs;
  model.fit(batches.train, options);
  std::printf("validation accuracy %.4f with the last layer alone, %.4f after fine-tuning\n", before,
              accuracy(model, batches.validation));
}

void learn(const Arguments& a) {
  const Classes classes = classes_of(a);
  const examples::Interruption interruption;
  const FitOptions options{.epochs = a.epochs, .stop = interruption.token()};
  Model base = a.base.empty() ? learned_base(a, classes.known, options) : given_base(a);

  std::printf("the last layer learns %zu new classes\n", classes.added.size());
  const Batches batches = batches_of(a, classes.added);
  const Symbol input = layers::Input({image_size(a), image_size(a), 3});
  const Symbol features = layers::Dropout(0.2)(base(input));
  Model model({input}, {layers::Dense(batches.classes, {.activation = "softmax"})(features)});
  learn_new_classes(a, base, model, batches, options);
  if (a.save.empty()) return;
  model.save(a.save);
  std::printf("model saved to %s\n", a.save.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Teaches a network that knows some classes of images other ones, of which there are few.",
               "transfer_learning");
  add_options(app, arguments);
  return examples::main_of(app, argc, argv,
                           [&] { return examples::run_on_device(arguments, {}, [&] { learn(arguments); }); });
}
