#include "examples/cifar10/photographs.h"

#include <algorithm>
#include <filesystem>

using namespace strata;

namespace examples {

namespace {

constexpr std::uint64_t split_seed = 10;
constexpr double validation_share = 0.1;

/// Whether there are folders with images in it: no such file is among CIFAR-10's binary ones.
bool holds_images(const std::string& folder) {
  namespace fs = std::filesystem;
  if (folder.empty() || !fs::is_directory(folder)) return false;
  return std::ranges::any_of(fs::directory_iterator(folder), [](const fs::directory_entry& entry) {
    return entry.is_directory() && std::ranges::any_of(fs::directory_iterator(entry), [](const fs::directory_entry& e) {
             const std::string ending = e.path().extension().string();
             return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
           });
  });
}

Photographs from_folders(const std::string& folder) {
  const auto [train, validation] = data::image_dataset_from_directory(folder, {.label_mode = "categorical",
                                                                               .batch_size = 0,
                                                                               .image_size = {32, 32},
                                                                               .seed = split_seed,
                                                                               .validation_split = validation_share,
                                                                               .subset = "both"});
  return {.train = train, .validation = validation, .classes = static_cast<std::int64_t>(train.class_names().size())};
}

data::Dataset from_split(const datasets::Split& split) {
  const Tensor labels = cast(split.y.with_shape({split.y.size()}), DType::i32);
  return data::Dataset::from_tensors({split.x}, {one_hot(labels, 10)});
}

data::Sample as_floats(data::Sample s) { return s.x = cast(s.x, DType::f32), s; }

Photographs from_binary_files(const std::string& folder, std::uint64_t seed) {
  const DeviceScope on_processor("cpu");  // datasets live there
  const auto [train, test] = datasets::cifar10::load_data({.directory = folder});
  const std::int64_t count = train.x.shape()[0], held_out = static_cast<std::int64_t>(validation_share * count);
  const auto shuffled = from_split(train).shuffle(count, {.seed = split_seed, .reshuffle_each_iteration = false});
  return {.train = shuffled.skip(held_out).shuffle(count - held_out, {.seed = seed}).map(as_floats),
          .validation = shuffled.take(held_out).map(as_floats),
          .test = from_split(test).map(as_floats)};
}

/// Where pixel i of a moved row of `size` pixels comes from.
std::int64_t mirrored(std::int64_t i, std::int64_t size) {
  if (i < 0) return -i;
  return i < size ? i : 2 * (size - 1) - i;
}

}  // namespace

Photographs load_photographs(const std::string& folder, std::uint64_t seed) {
  return holds_images(folder) ? from_folders(folder) : from_binary_files(folder, seed);
}

data::Sample flip_and_shift(data::Sample sample, std::uint64_t seed) {
  const std::int64_t height = sample.x.shape()[0], width = sample.x.shape()[1], channels = sample.x.shape()[2];
  const bool flip = seed & 1;  // the bits of a map's seed are independent of each other
  const auto down = static_cast<std::int64_t>((seed >> 8) % 9) - 4;
  const auto right = static_cast<std::int64_t>((seed >> 32) % 9) - 4;
  Tensor moved(DType::f32, sample.x.shape(), Device{});
  const float* from = sample.x.data<float>().data();
  float* to = moved.mutable_data<float>().data();
  for (std::int64_t row = 0; row < height; ++row)
    for (std::int64_t column = 0; column < width; ++column, to += channels) {
      const std::int64_t source = mirrored((flip ? width - 1 - column : column) - right, width);
      std::copy_n(from + (mirrored(row - down, height) * width + source) * channels, channels, to);
    }
  sample.x = moved;
  return sample;
}

}  // namespace examples
