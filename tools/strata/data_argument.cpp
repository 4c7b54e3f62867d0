#include "tools/strata/data_argument.h"

#include <algorithm>

#include "models/saving/hdf5_file.h"
#include "tools/strata/commands.h"

namespace strata::tools {

namespace {
/// Named tensors of a file, and the names for errors.
Tensors pick(const data::NamedArrays& arrays, const std::vector<std::string>& names, const std::string& file) {
  Tensors picked;
  for (const std::string& name : names) {
    const auto found = std::ranges::find_if(arrays, [&](const auto& entry) { return entry.first == name; });
    if (found == arrays.end()) {
      std::string there;
      for (const auto& [other, tensor] : arrays) there += (there.empty() ? "" : ", ") + other;
      throw Error(file, "holds no array '" + name + "'; it has " + (there.empty() ? "none" : there) + ". Choose with --x and --y");
    }
    picked.push_back(found->second);
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
}  // namespace

void DataArgument::add_to(CLI::App& command, bool targets) {
  wants_targets_ = targets;
  command.add_option("DATA", path_, "a data set by name, or a file (see below)")->required();
  command.add_option("--x", x_, "names of the inputs' arrays in the file, in the model's order");
  if (targets) {
    command.add_option("--y", y_, "names of the targets' arrays in the file, in the model's order");
    command.add_option("--targets", targets_, "a .npy file with the targets, beside inputs in a .npy file");
  }
  command.add_option("--data-dir", folder_, "folder that holds the named data set's files; default: the usual places");
  command.add_flag("--raw", raw_, "leave the pixels of named data sets as numbers from 0 to 255");
}

DataArgument::Arrays DataArgument::load_named(Part part) const {
  const datasets::LoadOptions where{.directory = folder_};
  if (path_ == "mnist") return split_of([&] { return datasets::mnist::load_data(where); }, part, raw_);
  if (path_ == "fashion_mnist") return split_of([&] { return datasets::fashion_mnist::load_data(where); }, part, raw_);
  if (path_ == "cifar10") return split_of([&] { return datasets::cifar10::load_data(where); }, part, raw_);
  if (path_ == "cifar100") return split_of([&] { return datasets::cifar100::load_data({.directory = folder_}); }, part, raw_);
  throw UsageError("DATA must be mnist, fashion_mnist, cifar10, cifar100, or a file that ends in .npz, .npy or .h5; received " + path_);
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

DataArgument::Arrays DataArgument::load_hdf5() const {
  const Hdf5File file = Hdf5File::open(path_);
  data::NamedArrays arrays;
  for (const std::string& name : file.children(""))
    if (file.has_dataset(name)) arrays.emplace_back(name, file.read(name));
  const std::vector<std::string> x = x_.empty() ? std::vector<std::string>{"x"} : x_;
  const std::vector<std::string> y = y_.empty() ? std::vector<std::string>{"y"} : y_;
  return {pick(arrays, x, path_), wants_targets_ ? pick(arrays, y, path_) : Tensors{}};
}

DataArgument::Arrays DataArgument::load(Part part, const Model& model) const {
  Arrays arrays = path_.ends_with(".npz")                              ? load_archive(part)
                  : path_.ends_with(".npy")                            ? load_npy_files()
                  : path_.ends_with(".h5") || path_.ends_with(".hdf5") ? load_hdf5()
                                                                       : load_named(part);
  const Symbols inputs = model.inputs();
  for (std::size_t i = 0; i < arrays.x.size() && i < inputs.size(); ++i)
    if (arrays.x[i].dtype() != inputs[i].dtype()) arrays.x[i] = cast(arrays.x[i], inputs[i].dtype());
  return arrays;
}

}  // namespace strata::tools
