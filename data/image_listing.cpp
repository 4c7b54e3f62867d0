#include "data/image_listing.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <random>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "data/image_options.h"

namespace strata::data {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

const std::string where(image_dataset_name);

bool is_one_of(const std::string& name, const Names& known) { return std::ranges::find(known, name) != known.end(); }

void check_labels(const ImageDatasetOptions& o) {
  if (!is_one_of(o.label_mode, {"int", "categorical", "binary", "none"}))
    fail_expected(where, R"(label_mode "int", "categorical", "binary" or "none")", "\"" + o.label_mode + "\"");
  if (const auto* name = std::get_if<std::string>(&o.labels); name && *name != "inferred")
    fail_expected(where, R"(labels "inferred", nullptr or a number for each file)", "\"" + *name + "\"");
  const bool given = std::holds_alternative<std::vector<std::int64_t>>(o.labels);
  if (!o.class_names.empty() && (given || !wants_labels(o)))
    throw Error(where, given ? "When argument `labels` is specified, argument `class_names` cannot be specified (the "
                               "`class_names` will be the sorted list of labels)."
                             : "When `labels=None` (no labels), argument `class_names` cannot be specified.");
}

void check_split(const ImageDatasetOptions& o) {
  if (!(o.validation_split >= 0 && o.validation_split < 1))
    fail_expected(where, "a validation_split from 0 to below 1", std::to_string(o.validation_split));
  const bool is_split = o.validation_split > 0;
  if (is_split ? !is_one_of(o.subset, {"training", "validation", "both"}) : !o.subset.empty())
    fail_expected(where, R"(subset "training", "validation" or "both" with a validation_split, and none without)",
                  "\"" + o.subset + "\"");
  if (is_split && o.shuffle && !o.seed && o.subset != "both")
    throw Error(where,
                "a validation_split of shuffled files needs a seed: without one, both subsets may hold the same file");
}

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
  return is_one_of(ending, {".bmp", ".gif", ".jpeg", ".jpg", ".png"});
}

/// Appends the images in a folder and those below, in the order of Keras: by the path of their folder, then by name.
void append_images(const fs::path& folder, bool follow_links, std::int32_t label, Files& files) {
  const auto links = follow_links ? fs::directory_options::follow_directory_symlink : fs::directory_options::none;
  std::vector<std::pair<std::string, std::string>> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, links))
    if (!entry.is_directory() && is_image(entry.path()))
      found.emplace_back(entry.path().parent_path().string(), entry.path().filename().string());
  std::ranges::sort(found);
  for (const auto& [parent, name] : found) files.push_back({parent + "/" + name, label});
}

/// Puts the given labels on the files; their sorted texts are the classes.
Names label_files(const std::string& directory, const std::vector<std::int64_t>& labels, Files& files) {
  if (labels.size() != files.size())
    fail_expected(directory, "as many labels as there are files, " + std::to_string(files.size()),
                  std::to_string(labels.size()));
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (labels[i] != static_cast<std::int32_t>(labels[i]))
      fail_expected(where, "labels that fit 32 bits", std::to_string(labels[i]));
    files[i].label = static_cast<std::int32_t>(labels[i]);
  }
  Names names;
  for (const std::int64_t label : std::set(labels.begin(), labels.end())) names.push_back(std::to_string(label));
  return names;
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

/// All images, sorted, and the classes that they are of.
Listing list_sorted(const std::string& directory, const ImageDatasetOptions& o) try {
  if (!fs::is_directory(directory))
    throw Error(directory, fs::exists(directory) ? "expected a folder of images; received a file" : "no such folder");
  Listing listing;
  const auto* labels = std::get_if<std::vector<std::int64_t>>(&o.labels);
  if (labels || !wants_labels(o)) {
    append_images(directory, o.follow_links, 0, listing.files);
    if (wants_labels(o)) listing.class_names = label_files(directory, *labels, listing.files);
    return listing;
  }
  listing.class_names = chosen_classes(directory, o.class_names);
  for (std::size_t i = 0; i < listing.class_names.size(); ++i)
    append_images(fs::path(directory) / listing.class_names[i], o.follow_links, static_cast<std::int32_t>(i),
                  listing.files);
  return listing;
} catch (const fs::filesystem_error& e) {
  throw Error(e.path1().empty() ? directory : e.path1().string(), "cannot be listed: " + e.code().message());
}

}  // namespace

bool wants_labels(const ImageDatasetOptions& o) {
  return o.label_mode != "none" && !std::holds_alternative<std::nullptr_t>(o.labels);
}

void check_options(const ImageDatasetOptions& o) {
  check_labels(o);
  image::check_options(where, {.height = o.image_size[0],
                               .width = o.image_size[1],
                               .color_mode = o.color_mode,
                               .interpolation = o.interpolation,
                               .crop_to_aspect_ratio = o.crop_to_aspect_ratio,
                               .pad_to_aspect_ratio = o.pad_to_aspect_ratio});
  if (o.image_size[0] == 0 && o.image_size[1] == 0) fail_expected(where, "an image_size above 0", "0 x 0");
  if (o.batch_size < 0)
    fail_expected(where, "a batch_size of 1 or more, or 0 for single images", std::to_string(o.batch_size));
  if (o.seed && *o.seed > 0xffffffffu) fail_expected(where, "a seed below 2^32", std::to_string(*o.seed));
  check_split(o);
  if (!is_one_of(o.data_format, {"channels_last", "channels_first"}))
    fail_expected(where, R"(data_format "channels_last" or "channels_first")", "\"" + o.data_format + "\"");
  if (!is_one_of(o.damaged_files, {"error", "skip"}))
    fail_expected(where, R"(damaged_files "error" or "skip")", "\"" + o.damaged_files + "\"");
}

Listing list_images(const std::string& directory, const ImageDatasetOptions& o) {
  Listing listing = list_sorted(directory, o);
  const std::size_t classes = listing.class_names.size();
  if (wants_labels(o) && o.label_mode == "binary" && classes != 2)
    fail_expected(directory, "2 classes for label_mode \"binary\"", std::to_string(classes));
  if (wants_labels(o) && o.label_mode != "int")
    for (const LabelledFile& file : listing.files)
      if (file.label < 0 || static_cast<std::size_t>(file.label) >= classes)
        fail_expected(file.path, "a label from 0 to below the number of classes, " + std::to_string(classes),
                      std::to_string(file.label));
  if (listing.files.empty()) throw Error(directory, "No images found. Allowed formats: .bmp, .gif, .jpeg, .jpg, .png");
  if (o.verbose && !wants_labels(o)) std::printf("Found %zu files.\n", listing.files.size());
  if (o.verbose && wants_labels(o))
    std::printf("Found %zu files belonging to %zu classes.\n", listing.files.size(), classes);
  if (o.shuffle && o.seed) shuffle_as_numpy(listing.files, *o.seed);
  return listing;
}

Files part_of(const Files& files, const std::string& subset, const ImageDatasetOptions& o,
              const std::string& directory) {
  const auto held_out = static_cast<std::ptrdiff_t>(o.validation_split * static_cast<double>(files.size()));
  const auto border = files.end() - held_out;
  Files part = subset == "training" ? Files(files.begin(), border) : Files(border, files.end());
  if (part.empty())
    throw Error(directory, "No " + subset + " images found: a validation_split of " +
                               std::to_string(o.validation_split) + " of " + std::to_string(files.size()) +
                               " files leaves none");
  if (o.verbose) std::printf("Using %zu files for %s.\n", part.size(), subset.c_str());
  return part;
}

}  // namespace strata::data
