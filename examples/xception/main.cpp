// Trains Xception on a folder of photographs, or on random numbers to see how fast it is. See --help.
#include <cstdio>
#include <optional>
#include <string>

#include "examples/command_line.h"

using namespace strata;

namespace {

struct Arguments : examples::Common {
  std::string data, weights, batch_size = "16", precision = "float32", save, tensorboard;
  std::int64_t image_size = 0, samples = 1000;
  int epochs = 5;
  double learning_rate = 1e-3;
  bool freeze_base = false;
};

void add_options(CLI::App& app, Arguments& a) {
  auto* data = app.add_option("--data", a.data,
                              "folder with a folder of images for each class, as examples/data; default: random "
                              "images of 1000 classes, as in Keras's example for several GPUs");
  app.add_option("--samples", a.samples, "how many random images")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->excludes(data);
  app.add_option("--image-size", a.image_size,
                 "height and width that images are brought to; default: 71, the least, with --data, otherwise 224")
      ->check(CLI::Range(71, 4096));
  examples::add_batch_size_option(
      app, a.batch_size, "images in a step, or auto: the most that fit into memory, which reads all images beforehand");
  app.add_option("--weights", a.weights,
                 "start from these: imagenet, or a file, of this network (see --save) or of Xception without its top");
  app.add_flag("--freeze-base", a.freeze_base, "train the last layer only");
  examples::add_precision_option(app, a.precision);
  app.add_option("--epochs", a.epochs, "passes over the training images")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--learning-rate", a.learning_rate, "of the optimizer, Adam")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--save", a.save, "write the model (FILE.keras) or its weights (FILE.weights.h5) at the end");
  app.add_option("--tensorboard", a.tensorboard, "write event files for TensorBoard into this folder");
  examples::add_common_options(app, a);
  app.footer(
      "Examples:\n  xception --data examples/data\n  xception --data photos --image-size 299 --weights imagenet "
      "--freeze-base --save photos.keras");
}

/// Weights from a file: of the whole network if they fit it, otherwise of its base.
void load_weights(Model& model, Model& base, const std::string& path) {
  try {
    model.load_weights(path);
    std::printf("weights of the whole network from %s\n", path.c_str());
    return;
  } catch (const Error& whole) {
    try {
      base.load_weights(path);
    } catch (const Error& part) {
      throw Error("--weights " + path, std::string("fits neither the network: ") + whole.what() +
                                           "; nor Xception without its top: " + part.what());
    }
  }
  std::printf("weights of Xception, but for its last layer, from %s\n", path.c_str());
}

Model make_model(const Arguments& a, std::int64_t size, std::int64_t classes) {
  Model base = applications::Xception({.include_top = false,
                                       .weights = a.weights == "imagenet" ? "imagenet" : "",
                                       .input_shape = {size, size, 3},
                                       .pooling = "avg"});
  const Symbol input = layers::Input({size, size, 3});
  const Symbol features = base(applications::xception::preprocess_input(input));
  Model model({input}, {layers::Dense(classes, {.activation = "softmax", .name = "predictions"})(features)});
  if (!a.weights.empty() && a.weights != "imagenet") load_weights(model, base, a.weights);
  base.set_trainable(!a.freeze_base);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = a.learning_rate}),
                 .loss = "categorical_crossentropy",
                 .metrics = {"accuracy"}});
  return model;
}

struct Images {
  data::Dataset train;
  std::optional<data::Dataset> validation = {};
  std::int64_t samples, classes;
};

/// Single images, RGB from 0 to 255, and one-hot labels; a fifth of a folder's images for validation.
Images images_of(const Arguments& a, std::int64_t size) {
  if (a.data.empty()) {
    constexpr std::int64_t classes = 1000;
    const auto random_image = [=, samples = a.samples](std::int64_t index) -> std::optional<data::Sample> {
      if (index == samples) return std::nullopt;
      const DeviceScope on_processor("cpu");  // datasets live there
      return data::Sample{.x = random::uniform({size, size, 3}, 0, 255), .y = random::uniform({classes})};
    };
    return {.train = data::Dataset::from_generator(random_image, {.cardinality = a.samples}),
            .samples = a.samples,
            .classes = classes};
  }
  const auto [train, validation] =
      data::image_dataset_from_directory(a.data, {.label_mode = "categorical",
                                                  .batch_size = 0,
                                                  .image_size = {size, size},
                                                  .seed = static_cast<std::uint32_t>(a.seed),
                                                  .validation_split = 0.2,
                                                  .subset = "both",
                                                  .damaged_files = "skip"});
  return {.train = train,
          .validation = validation,
          .samples = static_cast<std::int64_t>(train.file_paths().size()),
          .classes = static_cast<std::int64_t>(train.class_names().size())};
}

void train(const Arguments& a, std::int64_t size) {
  const Images images = images_of(a, size);
  Model model = make_model(a, size, images.classes);
  const examples::Interruption interruption;
  FitOptions options{.epochs = a.epochs, .stop = interruption.token()};
  if (!a.tensorboard.empty()) options.callbacks.push_back(callbacks::TensorBoard(a.tensorboard));
  const BatchSize batch = examples::batch_size(a.batch_size);
  const std::int64_t validation_batch = batch.is_automatic() ? 32 : batch.samples();
  if (images.validation) options.validation_data = images.validation->batch(validation_batch);
  std::printf("training on %s, %d threads, %s, %lld images of %lld x %lld\n", to_string(current_device()).c_str(),
              config::num_threads(), a.precision.c_str(), static_cast<long long>(images.samples),
              static_cast<long long>(size), static_cast<long long>(size));
  std::fflush(stdout);
  if (batch.is_automatic()) {
    const data::Sample all = *images.train.batch(images.samples).iterate()->next();
    options.batch_size = batch;
    model.fit(all.x, all.y, options);
  } else {
    model.fit(images.train.batch(batch.samples()).prefetch(data::AUTOTUNE), options);
  }
  if (interruption.token().stop_requested()) std::printf("\nstopped after the current step\n");
  if (a.save.empty()) return;
  if (a.save.ends_with(".weights.h5"))
    model.save_weights(a.save);
  else
    model.save(a.save);
  std::printf("saved to %s\n", a.save.c_str());
}

int run(const Arguments& a) {
  mixed_precision::set_global_policy(DTypePolicy(a.precision));
  const std::int64_t size = a.image_size > 0 ? a.image_size : a.data.empty() ? 224 : 71;
  const BatchSize batch = examples::batch_size(a.batch_size);
  Arguments timed = a;  // any weights are as fast
  timed.weights.clear();
  const ChooseDeviceOptions choose{.make = [&] { return make_model(timed, size, 10); },
                                   .batch_size = batch.is_automatic() ? 16 : batch.samples()};
  return examples::run_on_device(a, choose, [&] { train(a, size); });
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Trains Xception on a folder of photographs, or on random numbers to see how fast it is.", "xception");
  add_options(app, arguments);
  return examples::main_of(app, argc, argv, [&] { return run(arguments); });
}
