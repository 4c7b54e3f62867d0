#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace strata::tensorboard {

/// A PNG file of 8-bit grey values, row by row.
std::string grey_png(std::span<const std::uint8_t> pixels, std::int64_t height, std::int64_t width);

}  // namespace strata::tensorboard
