#include "tools/strata/data_argument.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "models/saving/model_file.h"
#include "models/trainer.h"
#include "tools/strata/commands.h"

namespace strata::tools {

namespace {
[[noreturn]] void fail_missing(const std::string& file, const std::string& name, const std::vector<std::string>& there) {
  std::string listed;
  for (const std::string& other : there) listed += (listed.empty() ? "" : ", ") + other;
  throw Error(file, "holds no array '" + name + "'; it has " + (there.empty() ? "none" : listed) +
                        ". Choose with --x and --y");
}

Tensors pick(const data::NamedArrays& arrays, const std::vector<std::string>& names, const std::string& file) {
  Tensors picked;
  for (const std::string& name : names) {
    const auto found = std::ranges::find_if(arrays, [&](const auto& entry) { return entry.first == name; });
    if (found == arrays.end()) {
      std::vector<std::string> there;
      for (const auto& [other, tensor] : arrays) there.push_back(other);
      fail_missing(file, name, there);
    }
    picked.push_back(found->second);
  }
  return picked;
}

Tensors pick(const StoredTree& tree, const std::vector<std::string>& names, const std::string& file) {
  Tensors picked;
  for (const std::string& name : names) {
    if (!tree.has_dataset(name)) fail_missing(file, name, tree.children(""));
    picked.push_back(tree.read(name));
  }
  return picked;
}

bool has(const data::NamedArrays& arrays, const std::string& name) {
  return std::ranges::any_of(arrays, [&](const auto& entry) { return entry.first == name; });
}

template <class Load>
DataArgument::Arrays split_of(const Load& load, DataArgument::Part part, bool raw) {
  const auto data = load();
  const datasets::Split& split = part == DataArgument::Part::train ? data.train : data.test;
  const Tensor pixels = cast(split.x, DType::f32);
  return {{raw ? pixels : Tensor(pixels / 255.0f)}, {split.y}};
}

const std::set<std::string> named_data_sets{"mnist", "fashion_mnist", "cifar10", "cifar100"};

/// What the loss wants to compare the model's output with.
std::string label_mode_for(const Model& model) {
  const Symbols outputs = model.outputs();
  if (outputs.size() != 1)
    throw Error(model.name(), "a folder of images gives one label for each; the model has " +
                                  std::to_string(outputs.size()) + " outputs");
  const std::set<std::string> of_integers{"SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy"};
  for (const auto& [output, loss] : model.definition().trainer->options().loss.items())
    if (of_integers.contains(loss.class_name())) return "int";
  return outputs[0].shape().back() == 1 ? "binary" : "categorical";
}

void check_classes(const Model& model, const std::string& label_mode, std::size_t classes, const std::string& folder) {
  const std::int64_t units = model.outputs()[0].shape().back(), given = static_cast<std::int64_t>(classes);
  if (label_mode == "binary" || units == given) return;
  fail_expected(folder, std::to_string(units) + " folders, a class each, as the output of '" + model.name() + "' has",
                std::to_string(given));
}
}  // namespace

void DataArgument::add_to(CLI::App& command, bool targets, bool required) {
  wants_targets_ = targets;
  command.add_option("DATA", path_, "a data set by name, a file, or a folder of images (see below)")
      ->required(required);
  command.add_option("--x", x_, "names of the inputs' arrays in the file, in the model's order");
  if (targets) {
    command.add_option("--y", y_, "names of the targets' arrays in the file, in the model's order");
    command.add_option("--targets", targets_, "a .npy file with the targets, beside inputs in a .npy file");
  }
  command.add_option("--data-dir", folder_, "folder that holds the named data set's files; default: the usual places");
  command.add_flag("--raw", raw_, "leave the pixels of named data sets as numbers from 0 to 255");
  command.add_flag("--scaled", scaled_, "divide the pixels of images in a folder by 255");
  command.add_option("--image-size", image_size_, "HEIGHT,WIDTH of images from a folder, where the model takes any")
      ->delimiter(',')
      ->expected(2)
      ->check(CLI::PositiveNumber);
}

DataArgument::Arrays DataArgument::load_named(Part part) const {
  const datasets::LoadOptions where{.directory = folder_};
  if (path_ == "mnist") return split_of([&] { return datasets::mnist::load_data(where); }, part, raw_);
  if (path_ == "fashion_mnist") return split_of([&] { return datasets::fashion_mnist::load_data(where); }, part, raw_);
  if (path_ == "cifar10") return split_of([&] { return datasets::cifar10::load_data(where); }, part, raw_);
  if (path_ == "cifar100") return split_of([&] { return datasets::cifar100::load_data({.directory = folder_}); }, part, raw_);
  throw UsageError(
      "DATA must be mnist, fashion_mnist, cifar10, cifar100, a file that ends in .npz, .npy or .h5, or a folder; "
      "received " +
      path_);
}

DataArgument::Arrays DataArgument::load_archive(Part part) const {
  const data::NamedArrays arrays = data::load_npz(path_);
  const std::string suffix = has(arrays, "x") ? "" : part == Part::train ? "_train" : "_test";
  const std::vector<std::string> x = x_.empty() ? std::vector<std::string>{"x" + suffix} : x_;
  const std::vector<std::string> y = y_.empty() ? std::vector<std::string>{"y" + suffix} : y_;
  return {pick(arrays, x, path_), wants_targets_ ? pick(arrays, y, path_) : Tensors{}};
}

DataArgument::Arrays DataArgument::load_npy_files() const {
  if (wants_targets_ && targets_.empty()) throw UsageError("a .npy file holds one array: give the targets by --targets FILE.npy");
  return {{data::load_npy(path_)}, wants_targets_ ? Tensors{data::load_npy(targets_)} : Tensors{}};
}

DataArgument::Arrays DataArgument::load_hdf5(bool isolated) const {
  const auto file = strata::ModelFile::open(path_, isolated);
  const std::vector<std::string> x = x_.empty() ? std::vector<std::string>{"x"} : x_;
  const std::vector<std::string> y = y_.empty() ? std::vector<std::string>{"y"} : y_;
  return {pick(*file, x, path_), wants_targets_ ? pick(*file, y, path_) : Tensors{}};
}

DataArgument::Arrays DataArgument::load(Part part, const Model& model, bool isolated) const {
  Arrays arrays = path_.ends_with(".npz")                              ? load_archive(part)
                  : path_.ends_with(".npy")                            ? load_npy_files()
                  : path_.ends_with(".h5") || path_.ends_with(".hdf5") ? load_hdf5(isolated)
                                                                       : load_named(part);
  const Symbols inputs = model.inputs();
  for (std::size_t i = 0; i < arrays.x.size() && i < inputs.size(); ++i)
    if (arrays.x[i].dtype() != inputs[i].dtype()) arrays.x[i] = cast(arrays.x[i], inputs[i].dtype());
  return arrays;
}

DataArgument::Arrays DataArgument::sample(Part part, const Model& model, bool isolated, std::int64_t count) const {
  Arrays arrays;
  if (is_folder()) {
    const auto batch = images(model, {.batch_size = count, .verbose = false}).iterate()->next();
    if (!batch) throw Error(path_, "holds no images");
    arrays = {batch->inputs(), batch->targets()};
  } else {
    arrays = load(part, model, isolated);
  }
  for (Tensors* tensors : {&arrays.x, &arrays.y})
    for (Tensor& t : *tensors)
      if (t.shape().rank() > 0 && t.shape()[0] > count) t = t.rows(0, count);
  return arrays;
}

// A folder that is called like a data set is given as ./mnist.
bool DataArgument::is_folder() const {
  return !named_data_sets.contains(path_) && std::filesystem::is_directory(path_);
}

std::array<std::int64_t, 2> DataArgument::image_size(const Shape& input) const {
  const bool any = input[1] == open_dim || input[2] == open_dim;
  if (any && image_size_.empty())
    throw UsageError("the model takes images of any size: choose one by --image-size HEIGHT,WIDTH");
  if (image_size_.empty()) return {input[1], input[2]};
  for (int axis : {1, 2})
    if (const std::int64_t asked = image_size_[static_cast<std::size_t>(axis - 1)];
        input[axis] != open_dim && input[axis] != asked)
      throw UsageError("--image-size: the model takes images of " + to_keras_string(input) + "; received " +
                       std::to_string(asked) + " for axis " + std::to_string(axis));
  return {image_size_[0], image_size_[1]};
}

data::Dataset DataArgument::images(const Model& model, data::ImageDatasetOptions options) const {
  const Symbols inputs = model.inputs();
  if (inputs.size() != 1 || inputs[0].shape().rank() != 4)
    throw Error(model.name(),
                "a folder of images is for models with one input of shape (None, height, width, channels)");
  const std::map<std::int64_t, std::string> color_modes{{1, "grayscale"}, {3, "rgb"}, {4, "rgba"}, {open_dim, "rgb"}};
  const auto mode = color_modes.find(inputs[0].shape()[3]);
  if (mode == color_modes.end())
    fail_expected(model.name(), "an input of 1, 3 or 4 channels", to_keras_string(inputs[0].shape()));
  options.color_mode = mode->second;
  options.image_size = image_size(inputs[0].shape());
  options.label_mode = wants_targets_ ? label_mode_for(model) : "none";
  const data::ImageDataset found = data::image_dataset_from_directory(path_, options);
  if (wants_targets_) check_classes(model, options.label_mode, found.class_names().size(), path_);
  return found.map([divisor = scaled_ ? 255.0f : 1.0f, dtype = inputs[0].dtype()](data::Sample sample) {
    sample.x = cast(Tensor(sample.x / divisor), dtype);
    return sample;
  });
}

}  // namespace strata::tools
