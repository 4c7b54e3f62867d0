// Trains with the TensorBoard callback and prints, as JSON, what the event files should hold; tensorboard_test.py reads
// them.
#include <strata/strata.h>

#include <cstdio>

using namespace strata;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tensorboard_program FOLDER\n");
    return 2;
  }
  utils::set_random_seed(1);
  const Symbol a = layers::Input({4, 4, 1}, {.name = "a"});
  const Symbol b = layers::Conv2D(6, 3, {.activation = "relu", .use_bias = false, .name = "conv"})(a);
  const Symbol c = layers::Flatten({.name = "flat"})(b);
  const Symbol inner = layers::Input({24}, {.name = "inner_input"});
  const Model tail({inner}, {layers::Dense(3, {.name = "inner"})(inner)}, "tail");
  const Layer shared = layers::Dense(24, {.name = "shared"});
  Model model({a}, {tail(layers::Add({.name = "sum"})({shared(c), shared(shared(c))}))}, "net");
  model.compile({.optimizer = "adam", .loss = "mse", .metrics = {"mae"}});
  const Tensor x = random::normal({20, 4, 4, 1}), y = random::normal({20, 3});
  std::vector<Config> batches;
  const Callback watch = callbacks::LambdaCallback({.on_train_batch_end = [&](std::int64_t, const Logs& logs) {
    Config items;
    for (const auto& [name, value] : logs) items.set(name, value);
    batches.push_back(items);
  }});
  const History history = model.fit(x, y,
                                    {.batch_size = 5,
                                     .epochs = 3,
                                     .verbose = 0,
                                     .callbacks = {callbacks::TensorBoard(argv[1], {.histogram_freq = 2,
                                                                                    .write_images = true,
                                                                                    .write_steps_per_second = true,
                                                                                    .update_freq = "batch"}),
                                                   watch},
                                     .validation_data = ValidationData(x, y)});
  Config series;
  for (const auto& [name, values] : history) series.set(name, ConfigValue::List(values.begin(), values.end()));
  ConfigValue::List kernel;
  const Tensor weights = model.get_layer("conv").get_weights()[0];
  for (std::int64_t i = 0; i < weights.size(); ++i) kernel.emplace_back(weights.at<double>(i));
  std::printf("%s\n", to_json(Config{{"history", series},
                                     {"batches", ConfigValue::List(batches.begin(), batches.end())},
                                     {"kernel", kernel}})
                          .c_str());
  return 0;
}
