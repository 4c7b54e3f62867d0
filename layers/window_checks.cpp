#include "layers/window_checks.h"

#include "core/base/error.h"
#include "layers/checks.h"

namespace strata::layers {

void require_convolution(std::string_view where, const Size2& kernel, const Size2& strides, const Size2& dilation,
                         const std::string& padding, const std::string& data_format) {
  require_positive(where, "kernel_size", kernel);
  require_positive(where, "strides", strides);
  require_positive(where, "dilation_rate", dilation);
  require_padding(where, padding);
  require_channels_last(where, data_format);
  if ((strides.height > 1 || strides.width > 1) && (dilation.height > 1 || dilation.width > 1))
    throw Error(where, "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=" +
                           to_keras_string(strides) + " and dilation_rate=" + to_keras_string(dilation));
}

namespace {
bool window_fits(const Shape& input, const Size2& extent) {
  return (input[1] == open_dim || input[1] >= extent.height) && (input[2] == open_dim || input[2] >= extent.width);
}
}  // namespace

void require_output(std::string_view where, const Shape& input, const Shape& kernel, const Size2& strides,
                    const Size2& dilation, const std::string& padding) {
  const Size2 extent{dilation.height * (kernel[0] - 1) + 1, dilation.width * (kernel[1] - 1) + 1};
  if (padding == "same" || window_fits(input, extent)) return;
  throw Error(where, "Computed output size would be zero or negative. Received `inputs shape=" +
                         strata::to_keras_string(input) + "`, `kernel shape=" + strata::to_keras_string(kernel) +
                         "`, `dilation_rate=" + to_keras_string(dilation) + "`, `strides=" + to_keras_string(strides) +
                         "`, `padding=" + padding + "`.");
}

void require_pooled_output(std::string_view where, const Shape& input, const Size2& pool, const Size2& strides,
                           const std::string& padding) {
  if (padding == "same" || window_fits(input, pool)) return;
  throw Error(where, "Computed output size would be zero or negative. Received `inputs.shape=" +
                         strata::to_keras_string(input) + "`, `pool_size=" + to_keras_string(pool) +
                         "`, `strides=" + to_keras_string(strides) + "`, `padding=" + padding + "`.");
}

Window2D window_of(const Size2& strides, const std::string& padding, const Size2& dilation, std::int64_t groups) {
  return {{strides.height, strides.width}, padding_from_string(padding), {dilation.height, dilation.width}, groups};
}

}  // namespace strata::layers
