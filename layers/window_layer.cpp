#include "layers/window_layer.h"

#include <algorithm>

#include "core/base/error.h"

namespace strata::layers {

namespace {
/// Whether a window that reaches over so many positions of each axis has a place in the input.
bool fits(const Shape& input, const std::vector<std::int64_t>& extent) {
  for (std::size_t i = 0; i < extent.size(); ++i) {
    const std::int64_t size = input[static_cast<int>(i) + 1];
    if (size != open_dim && size < extent[i]) return false;
  }
  return true;
}
}  // namespace

void require_output(std::string_view where, const Shape& input, const Shape& kernel, AxisSizes strides,
                    AxisSizes dilation, const std::string& padding) {
  std::vector<std::int64_t> extent;
  for (std::size_t i = 0; i < dilation.size(); ++i)
    extent.push_back(dilation[i] * (kernel[static_cast<int>(i)] - 1) + 1);
  if (padding != "valid" || fits(input, extent)) return;
  throw Error(where, "Computed output size would be zero or negative. Received `inputs shape=" +
                         strata::to_keras_string(input) + "`, `kernel shape=" + strata::to_keras_string(kernel) +
                         "`, `dilation_rate=" + to_keras_string(dilation) + "`, `strides=" + to_keras_string(strides) +
                         "`, `padding=" + padding + "`.");
}

void require_pooled_output(std::string_view where, const Shape& input, AxisSizes pool, AxisSizes strides,
                           const std::string& padding) {
  if (padding != "valid" || fits(input, {pool.begin(), pool.end()})) return;
  throw Error(where, "Computed output size would be zero or negative. Received `inputs.shape=" +
                         strata::to_keras_string(input) + "`, `pool_size=" + to_keras_string(pool) +
                         "`, `strides=" + to_keras_string(strides) + "`, `padding=" + padding + "`.");
}

void require_strides_or_dilation(std::string_view where, AxisSizes strides, AxisSizes dilation) {
  if (std::ranges::max(strides) > 1 && std::ranges::max(dilation) > 1)
    throw Error(where, "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=" +
                           to_keras_string(strides) + " and dilation_rate=" + to_keras_string(dilation));
}

}  // namespace strata::layers
