// Trains a network on several devices, side by side, and says which is how fast. See --help.
#include <strata/strata.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

using namespace strata;

namespace {

struct Arguments {
  std::string device, network = "cnn", data, csv, svg;
  std::int64_t batch_size = 128, steps = 0;
  int epochs = 0, threads = 0;
  std::uint64_t seed = 1;
};

void add_options(CLI::App& app, Arguments& a) {
  app.add_option(
         "--case", a.network,
         "mlp, cnn: on MNIST, 784-512-512-10 or convolutions; resnet: of 14 layers, on random images like CIFAR-10's")
      ->check(CLI::IsMember({"mlp", "cnn", "resnet"}))
      ->capture_default_str();
  app.add_option("--device", a.device,
                 "devices with commas between them, as cpu:0,gpu:0; default: cpu:0, and gpu:0 if there is one");
  app.add_option("--batch-size", a.batch_size, "images in a step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--steps", a.steps, "timed steps on each device; default: an epoch of mlp and cnn, 30 of resnet")
      ->check(CLI::Range(10, 1000000));
  app.add_option("--epochs", a.epochs, "predict the time of this many epochs")->check(CLI::PositiveNumber);
  app.add_option("--threads", a.threads, "processor threads; 0 means all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", a.seed, "of weights, order of images and dropout")->capture_default_str();
  app.add_option("--data", a.data, "folder that holds MNIST's files; default: look in the usual places");
  app.add_option("--csv", a.csv, "write the numbers to this file");
  app.add_option("--svg", a.svg, "draw a chart into this file");
  app.set_version_flag("--version", std::string(version()));
  app.footer(
      "Examples:\n  compare --device cpu:0,gpu:0 --svg chart.svg\n  compare --case resnet --device cpu:0,cpu:1 "
      "--epochs 100 --csv numbers.csv");
}

Model mlp() {
  return Sequential(
      {layers::Input({28, 28, 1}), layers::Flatten(), layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2),
       layers::Dense(512, {.activation = "relu"}), layers::Dropout(0.2), layers::Dense(10, {.activation = "softmax"})},
      "mlp");
}

Model cnn() {
  return Sequential(
      {layers::Input({28, 28, 1}), layers::Conv2D(32, 3, {.activation = "relu"}),
       layers::Conv2D(64, 3, {.activation = "relu"}), layers::MaxPooling2D(2), layers::Dropout(0.25), layers::Flatten(),
       layers::Dense(128, {.activation = "relu"}), layers::Dropout(0.5), layers::Dense(10, {.activation = "softmax"})},
      "cnn");
}

Symbol convolution(const Symbol& x, std::int64_t filters, int kernel, int stride) {
  const auto conv = layers::Conv2D(filters, kernel, {.strides = stride, .padding = "same", .use_bias = false});
  return layers::BatchNormalization()(conv(x));
}

Symbol residual_block(const Symbol& x, std::int64_t filters, int stride) {
  const Symbol inner = layers::Activation("relu")(convolution(x, filters, 3, stride));
  const Symbol shortcut = stride == 1 ? x : convolution(x, filters, 1, stride);
  return layers::Activation("relu")(layers::Add()({convolution(inner, filters, 3, 1), shortcut}));
}

Model resnet() {
  const Symbol input = layers::Input({32, 32, 3});
  Symbol x = layers::Activation("relu")(convolution(input, 16, 3, 1));
  for (const std::int64_t filters : {16, 32, 64}) {
    x = residual_block(x, filters, filters == 16 ? 1 : 2);
    x = residual_block(x, filters, 1);
  }
  const Symbol output = layers::Dense(10, {.activation = "softmax"})(layers::GlobalAveragePooling2D()(x));
  return Model({input}, {output}, "resnet");
}

Model make_model(const std::string& network) {
  Model model = network == "mlp" ? mlp() : network == "cnn" ? cnn() : resnet();
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  return model;
}

/// The devices asked for; nothing, and the reason on stderr, if one is not there: a comparison without it is none.
std::vector<Device> devices_for(const std::string& asked) {
  const bool gpu = !config::list_physical_devices("gpu").empty();
  try {
    return devices_from_list(!asked.empty() ? asked : gpu ? "cpu:0,gpu:0" : "cpu:0");
  } catch (const Error& e) {
    std::fprintf(stderr, "--device %s: %s\n", asked.c_str(), e.what());
    return {};
  }
}

int run(const Arguments& a) {
  const std::vector<Device> devices = devices_for(a.device);
  if (devices.empty()) return 2;
  config::set_num_threads(a.threads);
  CompareDevicesOptions options{
      .batch_size = a.batch_size, .steps = a.steps, .seed = a.seed, .epochs = a.epochs, .unit = "images"};
  Tensor x, y;
  options.title = std::map<std::string, std::string>{{"mlp", "MNIST: 784-512-512-10"},
                                                     {"cnn", "MNIST: convolutions"},
                                                     {"resnet", "a residual network on images of 32 x 32"}}
                      .at(a.network);
  if (a.network == "resnet") {
    options.samples = 50000;  // as CIFAR-10 has
    if (options.steps == 0) options.steps = 30;
  } else {
    const auto train = datasets::mnist::load_data({.directory = a.data}).train;
    x = expand_dims(cast(train.x, DType::f32) / 255.0f, -1);
    y = train.y;
    if (options.steps == 0) options.steps = x.shape()[0] / a.batch_size;
  }
  const DeviceComparison result =
      compare_devices([&] { return make_model(a.network); }, devices, x.defined() ? Data(x) : Data(),
                      y.defined() ? Data(y) : Data(), options);
  std::printf("%s", result.table().c_str());
  if (!a.csv.empty()) result.write_csv(a.csv);
  if (!a.svg.empty()) result.write_svg(a.svg);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Trains a network on several devices, side by side: time of a step, memory, and how far the results agree.",
      "compare");
  add_options(app, arguments);
  try {
    app.parse(argc, argv);
    return run(arguments);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "compare: %s\n", e.what());
    return 1;
  }
}
