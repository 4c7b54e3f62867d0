#include "data/image_dataset.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <utility>

#include "core/base/error.h"
#include "data/image_decoding.h"

namespace strata::data {

namespace {

namespace fs = std::filesystem;
const std::string where = "image_dataset_from_directory";

using Names = std::vector<std::string>;

struct LabelledFile {
  std::string path;
  std::int32_t label = 0;
};
using Files = std::vector<LabelledFile>;

// ---- The options

int channels_of(const std::string& color_mode) {
  if (color_mode == "grayscale") return 1;
  if (color_mode == "rgb") return 3;
  if (color_mode == "rgba") return 4;
  fail_expected(where, R"(color_mode "grayscale", "rgb" or "rgba")", "\"" + color_mode + "\"");
}

void check(const ImageDatasetOptions& o) {
  const Names label_modes{"int", "categorical", "binary", "none"};
  if (std::ranges::find(label_modes, o.label_mode) == label_modes.end())
    fail_expected(where, R"(label_mode "int", "categorical", "binary" or "none")", "\"" + o.label_mode + "\"");
  if (o.label_mode == "none" && !o.class_names.empty())
    fail_expected(where, "no class_names when label_mode is \"none\"", "some");
  if (o.batch_size < 0)
    fail_expected(where, "a batch_size of 1 or more, or 0 for single images", std::to_string(o.batch_size));
  const auto [height, width] = o.image_size;
  if (height < 1 || width < 1 || height > most_image_pixels / width)
    fail_expected(where, "an image_size of 1 to " + std::to_string(most_image_pixels) + " pixels",
                  std::to_string(height) + " x " + std::to_string(width));
  if (o.seed && *o.seed > 0xffffffffu) fail_expected(where, "a seed below 2^32", std::to_string(*o.seed));
  if (!(o.validation_split >= 0 && o.validation_split < 1))
    fail_expected(where, "a validation_split from 0 to below 1", std::to_string(o.validation_split));
  const bool is_split = o.validation_split > 0;
  if (is_split ? o.subset != "training" && o.subset != "validation" : !o.subset.empty())
    fail_expected(where, R"(subset "training" or "validation" with a validation_split, and none without)",
                  "\"" + o.subset + "\"");
  if (is_split && o.shuffle && !o.seed)
    throw Error(where,
                "a validation_split of shuffled files needs a seed: without one, both subsets may hold the same file");
}

// ---- The files

/// Names of the folders in a folder, sorted; links to folders count.
Names class_folders(const fs::path& directory) {
  Names names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') && entry.is_directory()) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Names chosen_classes(const fs::path& directory, const Names& wanted) {
  const Names there = class_folders(directory);
  if (there.empty())
    throw Error(directory.string(),
                "expected a folder for each class; there is none. Images without classes want label_mode \"none\"");
  if (wanted.empty()) return there;
  for (const std::string& name : wanted)
    if (std::ranges::find(there, name) == there.end())
      throw Error(directory.string(), "holds no folder '" + name + "', which class_names asks for");
  return wanted;
}

bool is_image(const fs::path& file) {
  std::string ending = file.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending == ".bmp" || ending == ".gif")
    throw Error(file.string(),
                "expected JPEG or PNG images; BMP and GIF are not supported: convert the file, or move it away");
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

/// Appends the images in a folder and those below, in the order of Keras: by the path of their folder, then by name.
void append_images(const fs::path& folder, std::int32_t label, Files& files) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (!entry.is_directory() && is_image(entry.path()))
      found.emplace_back(entry.path().parent_path().string(), entry.path().filename().string());
  std::ranges::sort(found);
  for (const auto& [parent, name] : found) files.push_back({parent + "/" + name, label});
}

/// The order of numpy.random.RandomState(seed).shuffle: Fisher and Yates from the end, each place drawn with as many
/// bits as it needs and drawn again when it is too large.
void shuffle_as_numpy(Files& files, std::uint64_t seed) {
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  for (std::size_t last = files.size(); last-- > 1;) {
    std::size_t mask = last, place = 0;
    for (int bits = 1; bits < 32; bits *= 2) mask |= mask >> bits;
    do place = random() & mask;
    while (place > last);
    std::swap(files[last], files[place]);
  }
}

Files subset_of(Files files, const ImageDatasetOptions& o, const std::string& directory) {
  if (o.validation_split == 0) return files;
  const auto held_out = static_cast<std::ptrdiff_t>(o.validation_split * static_cast<double>(files.size()));
  const bool training = o.subset == "training";
  const auto border = files.end() - held_out;
  Files part = training ? Files(files.begin(), border) : Files(border, files.end());
  if (part.empty())
    throw Error(directory, "No " + o.subset + " images found: a validation_split of " +
                               std::to_string(o.validation_split) + " of " + std::to_string(files.size()) +
                               " files leaves none");
  if (o.verbose) std::printf("Using %zu files for %s.\n", part.size(), o.subset.c_str());
  return part;
}

/// All images, sorted, and the classes that they are of.
Files list_images(const std::string& directory, const ImageDatasetOptions& o, Names& class_names) try {
  if (!fs::is_directory(directory))
    throw Error(directory, fs::exists(directory) ? "expected a folder of images; received a file" : "no such folder");
  Files files;
  if (o.label_mode == "none") {
    append_images(directory, 0, files);
    return files;
  }
  class_names = chosen_classes(directory, o.class_names);
  for (std::size_t i = 0; i < class_names.size(); ++i)
    append_images(fs::path(directory) / class_names[i], static_cast<std::int32_t>(i), files);
  return files;
} catch (const fs::filesystem_error& e) {
  throw Error(e.path1().empty() ? directory : e.path1().string(), "cannot be listed: " + e.code().message());
}

Files find_files(const std::string& directory, const ImageDatasetOptions& o, Names& class_names) {
  Files files = list_images(directory, o, class_names);
  if (o.label_mode == "binary" && class_names.size() != 2)
    fail_expected(directory, "2 classes for label_mode \"binary\"", std::to_string(class_names.size()));
  if (files.empty()) throw Error(directory, "No images found. Allowed formats: .jpg, .jpeg, .png");
  if (o.verbose && o.label_mode == "none") std::printf("Found %zu files.\n", files.size());
  if (o.verbose && o.label_mode != "none")
    std::printf("Found %zu files belonging to %zu classes.\n", files.size(), class_names.size());
  if (o.shuffle && o.seed) shuffle_as_numpy(files, *o.seed);
  return subset_of(std::move(files), o, directory);
}

// ---- The samples

std::string read_file(const std::string& path) {
  constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 29;
  std::error_code status;
  const std::uintmax_t size = fs::file_size(path, status);
  if (status) throw Error(path, "cannot be read: " + status.message());
  if (size > most_bytes)
    fail_expected(path, "an image file of at most " + std::to_string(most_bytes) + " bytes", std::to_string(size));
  std::string content(size, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(content.data(), static_cast<std::streamsize>(size));
  if (!file) throw Error(path, "cannot be read");
  return content;
}

/// Which two pixels a place lies between, and how far from the first. Centers of pixels lie at half-integers. Computed
/// in f32, as TensorFlow does: of an image of millions of columns the last place may be rounded beyond it.
struct Between {
  std::int64_t first, second;
  float share;
};
std::vector<Between> places(std::int64_t given, std::int64_t wanted) {
  std::vector<Between> all;
  const float step = static_cast<float>(given) / static_cast<float>(wanted);
  for (std::int64_t i = 0; i < wanted; ++i) {
    const float at = (static_cast<float>(i) + 0.5f) * step - 0.5f, below = std::floor(at);
    const auto inside = [given](float pixel) {
      return std::clamp<std::int64_t>(static_cast<std::int64_t>(pixel), 0, given - 1);
    };
    all.push_back({inside(below), inside(std::ceil(at)), at - below});
  }
  return all;
}

/// tf.image.resize with its default method, bilinear without antialiasing: u8 [h, w, c] as f32 of another size.
Tensor resized(const Tensor& image, std::int64_t height, std::int64_t width) {
  const std::int64_t given_width = image.shape()[1], channels = image.shape()[2];
  Tensor result(DType::f32, {height, width, channels}, Device{});
  const std::uint8_t* const from = image.data<std::uint8_t>().data();
  float* to = result.mutable_data<float>().data();
  const std::vector<Between> columns = places(given_width, width);
  for (const Between& row : places(image.shape()[0], height)) {
    const std::uint8_t* const upper = from + row.first * given_width * channels;
    const std::uint8_t* const lower = from + row.second * given_width * channels;
    for (const Between& column : columns)
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t left = column.first * channels + c, right = column.second * channels + c;
        const auto mixed = [](float a, float b, float share) { return a + (b - a) * share; };
        *to++ = mixed(mixed(upper[left], upper[right], column.share), mixed(lower[left], lower[right], column.share),
                      row.share);
      }
  }
  return result;
}

Tensor label_tensor(std::int32_t label, const std::string& label_mode, std::size_t classes) {
  if (label_mode == "int") return Tensor::scalar(label);
  if (label_mode == "binary") return Tensor::from({1}, std::vector<float>{static_cast<float>(label)});
  std::vector<float> one_hot(classes, 0.0f);
  one_hot[static_cast<std::size_t>(label)] = 1;
  return Tensor::from({static_cast<std::int64_t>(classes)}, one_hot);
}

}  // namespace

ImageDataset image_dataset_from_directory(const std::string& directory, const ImageDatasetOptions& o) {
  check(o);
  const int channels = channels_of(o.color_mode);
  Names class_names, paths;
  const auto files = std::make_shared<const Files>(find_files(directory, o, class_names));
  std::vector<std::int64_t> numbers;
  for (const LabelledFile& file : *files) {
    numbers.push_back(static_cast<std::int64_t>(paths.size()));
    paths.push_back(file.path);
  }
  const auto count = static_cast<std::int64_t>(files->size());
  Dataset samples = Dataset::from_tensors({Tensor::from({count}, numbers)});
  if (o.shuffle && o.subset != "validation") samples = samples.shuffle(count, {.seed = o.seed});
  samples = samples.map(
      [files, channels, size = o.image_size, mode = o.label_mode, classes = class_names.size()](const Sample& number) {
        const LabelledFile& file = (*files)[static_cast<std::size_t>(number.x.item<std::int64_t>())];
        Sample sample{.x = resized(decode_image(read_file(file.path), channels, file.path), size[0], size[1])};
        if (mode != "none") sample.y = label_tensor(file.label, mode, classes);
        return sample;
      },
      {.num_parallel_calls = AUTOTUNE});
  if (o.batch_size > 0) samples = samples.batch(o.batch_size);
  return {samples.prefetch(2), std::move(class_names), std::move(paths)};
}

}  // namespace strata::data
