#pragma once

#include <strata/strata.h>

#include <optional>
#include <string>

/// CIFAR-10 as a network learns it: single images f32 [32, 32, 3] with values from 0 to 255, and one-hot labels.
namespace examples {

struct Photographs {
  strata::data::Dataset train, validation;
  std::optional<strata::data::Dataset> test = {};  ///< the published one; a folder of images has none
  std::int64_t classes = 10;
};

/// A tenth of the training images, chosen by a seed that does not change, is for validation: 5,000 of CIFAR-10.
///
/// `folder`: one with a folder of images for each class; or that of CIFAR-10's binary files; or empty, which looks for
/// those in the usual places. The training images come in a new order for every pass; `seed` is that of the binary
/// files' order, a folder's goes by the seed that does not change.
Photographs load_photographs(const std::string& folder, std::uint64_t seed);

/// Mirrored with a chance of 1/2, and moved by up to 4 pixels each way; what comes in at a border mirrors what is
/// there.
strata::data::Sample flip_and_shift(strata::data::Sample sample, std::uint64_t seed);

}  // namespace examples
