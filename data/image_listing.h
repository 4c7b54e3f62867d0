#pragma once

#include "data/image_dataset.h"

/// Which files image_dataset_from_directory takes, and how they are labelled. Internal.
namespace strata::data {

struct LabelledFile {
  std::string path;
  std::int32_t label = 0;
};
using Files = std::vector<LabelledFile>;

struct Listing {
  Files files;  ///< sorted, or shuffled by the seed
  std::vector<std::string> class_names;
};

/// What errors name where no file is to blame.
inline constexpr std::string_view image_dataset_name = "image_dataset_from_directory";

bool wants_labels(const ImageDatasetOptions&);
/// Error for options that do not fit.
void check_options(const ImageDatasetOptions&);
/// Of options that fit. Error as image_dataset_from_directory says.
Listing list_images(const std::string& directory, const ImageDatasetOptions&);
/// `subset` ("training" or "validation") of files that are split.
Files part_of(const Files&, const std::string& subset, const ImageDatasetOptions&, const std::string& directory);

}  // namespace strata::data
