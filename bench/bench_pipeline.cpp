// An epoch of examples/pipeline.cpp from image files, nothing cached, beside the same epoch on batches that are in
// memory:
//   bench_pipeline DIRECTORY [ROUNDS] [THREADS]
// Rounds alternate the two, after one of each that does not count. Written are the seconds of both, how long the step
// waited for images, and the ratio within each round, as its median and 10-90 % range.
#include <strata/strata.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

using namespace strata;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The network of examples/pipeline.cpp.
Model make_model(std::int64_t classes) {
  Symbol in = layers::Input({32, 32, 3});
  Symbol h = layers::Rescaling(1.0 / 255)(in);
  for (std::int64_t filters : {32, 64, 128}) {
    h = layers::SeparableConv2D(filters, 3, {.padding = "same", .use_bias = false})(h);
    h = layers::BatchNormalization()(h);
    h = layers::Activation("relu")(h);
    h = layers::MaxPooling2D(2)(h);
  }
  h = layers::GlobalAveragePooling2D()(h);
  Model model({in}, {layers::Dense(classes, {.activation = "softmax"})(h)});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  return model;
}

struct Epoch {
  double seconds = 0, waited = 0;
};

// One epoch, and what its steps waited for their batches.
Epoch train(Model& model, const data::Dataset& batches, std::int64_t epoch) {
  const std::shared_ptr<data::DatasetIterator> pass = batches.iterate(epoch);
  Epoch result;
  auto next = [&pass, &result] {
    const double begin = seconds();
    auto batch = pass->next();
    result.waited += seconds() - begin;
    return batch;
  };
  const double begin = seconds();
  model.fit(data::Dataset::from_generator(next, {.cardinality = batches.cardinality()}), {.epochs = 1, .verbose = 0});
  result.seconds = seconds() - begin;
  return result;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const double high = values[std::min(low + 1, values.size() - 1)];
  return values[low] + (place - std::floor(place)) * (high - values[low]);
}

void print(const char* what, const std::vector<double>& values, const char* unit) {
  std::printf("%-34s %8.3f %s (%.3f-%.3f)\n", what, quantile(values, 0.5), unit, quantile(values, 0.1),
              quantile(values, 0.9));
}

void run(const char* directory, int rounds) {
  const data::ImageDataset train_images = data::image_dataset_from_directory(directory, {.batch_size = 64,
                                                                                         .image_size = {32, 32},
                                                                                         .seed = 5,
                                                                                         .validation_split = 0.2,
                                                                                         .subset = "training",
                                                                                         .verbose = false});
  auto augment = [](data::Sample s) { return s.x = image::random_flip_left_right(s.x), s; };
  const data::Dataset files =
      train_images.map(augment, {.num_parallel_calls = data::AUTOTUNE}).prefetch(data::AUTOTUNE);
  const data::Dataset ready = train_images.cache();
  Model model = make_model(static_cast<std::int64_t>(train_images.class_names().size()));

  std::vector<double> from_files, from_memory, waited, ratios;
  for (int round = 0; round <= rounds; ++round) {
    const Epoch file = train(model, files, round), memory = train(model, ready, round);
    if (round == 0) continue;  // compiles the step, fills the cache
    from_files.push_back(file.seconds);
    from_memory.push_back(memory.seconds);
    waited.push_back(100 * file.waited / file.seconds);
    ratios.push_back(file.seconds / memory.seconds);
  }
  std::printf("%lld batches of 64, %d threads, %d rounds: median (10-90 %%)\n",
              static_cast<long long>(files.cardinality()), config::num_threads(), rounds);
  print("epoch from files", from_files, "s");
  print("epoch on batches in memory", from_memory, "s");
  print("files / memory", ratios, "");
  print("step waiting for images", waited, "%");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) return std::fprintf(stderr, "usage: %s DIRECTORY [ROUNDS] [THREADS]\n", argv[0]), 2;
  if (argc > 3) config::set_num_threads(std::atoi(argv[3]));
  run(argv[1], argc > 2 ? std::max(1, std::atoi(argv[2])) : 7);
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
