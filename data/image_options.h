#pragma once

#include <string>
#include <string_view>

#include "data/image.h"

/// What image::load and image_dataset_from_directory check. Internal.
namespace strata::data {

/// 1, 3 or 4. Error for another name.
int channels_of(std::string_view where, const std::string& color_mode);

}  // namespace strata::data

namespace strata::image {

void check_options(std::string_view where, const LoadOptions&);

}  // namespace strata::image
