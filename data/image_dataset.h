#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace strata::data {

/// Keras's arguments of image_dataset_from_directory, in its order.
struct ImageDatasetOptions {
  /// "int": i32 [batch], the number of the class; "categorical": f32 [batch, classes], one-hot; "binary": f32
  /// [batch, 1], of two classes; "none": no labels.
  std::string label_mode = "int";
  /// Folders to take, in the order of their classes; empty: all of them, sorted. Not with "none".
  std::vector<std::string> class_names = {};
  /// "grayscale", "rgb" or "rgba" (PNG only): 1, 3 or 4 channels.
  std::string color_mode = "rgb";
  /// 0: single images.
  std::int64_t batch_size = 32;
  std::array<std::int64_t, 2> image_size = {256, 256};  ///< height, width
  /// A new order for every pass, uniform over all files. With a seed the files are also shuffled once before they are
  /// split, as Keras does it: the same seed gives the same split there and here.
  bool shuffle = true;
  std::optional<std::uint64_t> seed = std::nullopt;  ///< below 2^32
  double validation_split = 0;                       ///< share of the files, the last ones
  std::string subset = "";                           ///< of a split: "training" or "validation", which keeps one order
  bool verbose = true;                               ///< prints how many files there are
};

/// Images and labels, and what they are.
struct ImageDataset : Dataset {
  std::vector<std::string> class_names;  ///< by label; empty without labels
  std::vector<std::string> file_paths;   ///< in the order of a pass that does not shuffle
};

/// A folder of images as batches: f32 [batch, height, width, channels] with values from 0 to 255, resized bilinearly,
/// and labels. Each folder in `directory` whose name does not begin with a dot is a class; with label_mode "none" all
/// files below `directory` are taken. Taken are files, at any depth, that end in .jpg, .jpeg or .png in either case,
/// sorted by folder and name; links to folders are not followed. Files are read and decoded while a pass asks for them,
/// by config::num_threads() workers.
///
/// Error for a directory that is missing or holds no images, an option that does not fit, and files that Keras would
/// take and that are not supported (.bmp, .gif). A pass that comes to a file that cannot be read, or is damaged, ends
/// in an error that names it.
STRATA_API ImageDataset image_dataset_from_directory(const std::string& directory, const ImageDatasetOptions& = {});

}  // namespace strata::data
