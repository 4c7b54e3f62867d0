#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "data/dataset.h"

namespace strata::data {

/// "inferred": the number of the folder that a file is in; nullptr: none, as with label_mode "none"; or one number for
/// each file, in the order of ImageDataset::file_paths() without shuffling, whatever the folders.
using ImageLabels = std::variant<std::string, std::nullptr_t, std::vector<std::int64_t>>;

/// Keras's arguments of image_dataset_from_directory, in its order (`format` chooses between Python libraries and is
/// left out), then ours.
struct ImageDatasetOptions {
  ImageLabels labels = "inferred";
  /// "int": i32 [batch], the number of the class; "categorical": f32 [batch, classes], one-hot; "binary": f32
  /// [batch, 1], of two classes; "none": no labels.
  std::string label_mode = "int";
  /// Folders to take, in the order of their classes; empty: all of them, sorted. Only with inferred labels.
  std::vector<std::string> class_names = {};
  /// "grayscale", "rgb" or "rgba" (not of JPEG files): 1, 3 or 4 channels.
  std::string color_mode = "rgb";
  /// 0: single images.
  std::int64_t batch_size = 32;
  std::array<std::int64_t, 2> image_size = {256, 256};  ///< height, width
  /// A new order for every pass, uniform over all files. With a seed the files are also shuffled once before they are
  /// split, as Keras does it: the same seed gives the same split there and here.
  bool shuffle = true;
  std::optional<std::uint64_t> seed = std::nullopt;  ///< below 2^32
  double validation_split = 0;                       ///< share of the files, the last ones
  /// Of a split: "training"; "validation", which keeps one order; or "both", a pair:
  /// `auto [train, val] = image_dataset_from_directory(...)`.
  std::string subset = "";
  std::string interpolation = "bilinear";     ///< how images are resized: as image::ResizeOptions
  bool follow_links = false;                  ///< looks into folders that are symbolic links
  bool crop_to_aspect_ratio = false;          ///< cuts off what would distort an image
  bool pad_to_aspect_ratio = false;           ///< puts black around it instead
  std::string data_format = "channels_last";  ///< or "channels_first": [batch, channels, height, width]
  bool verbose = true;                        ///< prints how many files there are
  bool antialias = false;                     ///< as image::ResizeOptions
  bool scaled_decoding = false;               ///< as image::LoadOptions
  /// "error": a pass ends at a file that is damaged or cannot be read; "skip": it goes on without, and names the file
  /// on stderr the first time.
  std::string damaged_files = "error";
};

/// Images and labels, and what they are.
class STRATA_API ImageDataset : public Dataset {
 public:
  /// By label; empty without labels.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// In the order of a pass that does not shuffle.
  const std::vector<std::string>& file_paths() const { return file_paths_; }
  /// The other part where subset is "both"; this is the training part then. Error for any other subset.
  const ImageDataset& validation() const;

 private:
  friend ImageDataset image_dataset_from_directory(const std::string&, const ImageDatasetOptions&);
  ImageDataset(Dataset dataset, std::vector<std::string> class_names, std::vector<std::string> file_paths)
      : Dataset(std::move(dataset)), class_names_(std::move(class_names)), file_paths_(std::move(file_paths)) {}
  std::vector<std::string> class_names_, file_paths_;
  std::shared_ptr<const ImageDataset> validation_;
};

/// A folder of images as batches: f32 [batch, height, width, channels] with values from 0 to 255, and labels. Each
/// folder in `directory` whose name does not begin with a dot is a class; without inferred labels all files below
/// `directory` are taken. Taken are files, at any depth, that end in .bmp, .gif, .jpeg, .jpg or .png in either case,
/// sorted by folder and name; their content decides how they are read (image::load). Files are read and decoded while a
/// pass asks for them, by config::num_threads() workers.
///
/// Error for a directory that is missing or holds no images, and for an option that does not fit.
STRATA_API ImageDataset image_dataset_from_directory(const std::string& directory, const ImageDatasetOptions& = {});

/// The training and the validation part, where subset is "both".
template <std::size_t I>
ImageDataset get(const ImageDataset& dataset) {
  static_assert(I < 2);
  const ImageDataset& validation = dataset.validation();
  return I == 0 ? dataset : validation;
}

}  // namespace strata::data

template <>
struct std::tuple_size<strata::data::ImageDataset> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, strata::data::ImageDataset> {
  using type = strata::data::ImageDataset;
};
