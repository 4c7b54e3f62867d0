#pragma once

#include <string>
#include <string_view>

#include "core/base/shape.h"
#include "core/ops/conv2d.h"
#include "layers/arguments.h"

/// Checks of layers that move a window over an image. Internal.
namespace strata::layers {

/// What convolutions have in common. Error for sizes below 1, strides with dilation, unknown padding or data format.
void require_convolution(std::string_view where, const Size2& kernel, const Size2& strides, const Size2& dilation,
                         const std::string& padding, const std::string& data_format);
/// Error when a convolution of an image of this shape has no output position; open sizes pass.
void require_output(std::string_view where, const Shape& input, const Shape& kernel, const Size2& strides,
                    const Size2& dilation, const std::string& padding);
/// The same for a pooling window.
void require_pooled_output(std::string_view where, const Shape& input, const Size2& pool, const Size2& strides,
                           const std::string& padding);

/// As the ops take it.
Window2D window_of(const Size2& strides, const std::string& padding, const Size2& dilation, std::int64_t groups = 1);

}  // namespace strata::layers
