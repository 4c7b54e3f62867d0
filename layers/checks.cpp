#include "layers/checks.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/error.h"

namespace strata::layers {

std::string place(std::string_view class_name, std::string_view name) {
  std::string where(class_name);
  if (!name.empty()) where.append(" '").append(name).append("'");
  return where;
}

std::string to_keras_string(std::span<const std::int64_t> sizes) {
  std::string text = "(";
  for (const std::int64_t size : sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + (sizes.size() == 1 ? ",)" : ")");
}

std::string to_python(double x) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), x).ptr;
  return std::string(text.data(), end);
}

void require_positive(std::string_view where, std::string_view argument, std::int64_t value) {
  if (value > 0) return;
  const std::string a(argument);
  throw Error(where, "Received an invalid value for `" + a + "`, expected a positive integer. Received: " + a + "=" +
                         std::to_string(value));
}

void require_strictly_positive(std::string_view where, std::string_view argument, std::int64_t value) {
  if (value > 0) return;
  const std::string a(argument);
  throw Error(where, "Invalid value for argument `" + a + "`. Expected a strictly positive value. Received " + a + "=" +
                         std::to_string(value) + ".");
}

void require_positive(std::string_view where, std::string_view argument, std::span<const std::int64_t> sizes) {
  if (std::ranges::min(sizes) > 0) return;
  const std::string a(argument);
  throw Error(where, "The `" + a + "` argument must be a tuple of " + std::to_string(sizes.size()) +
                         " positive integers. Received " + a + "=" + to_keras_string(sizes));
}

void require_fraction(std::string_view where, std::string_view argument, double value) {
  if (value >= 0 && value <= 1) return;
  const std::string a(argument);
  throw Error(where, "Invalid value received for argument `" + a + "`. Expected a float value between 0 and 1. Received: " +
                         a + "=" + to_python(value));
}

void require_noise_sizes(std::string_view where, const Shape& noise) {
  for (const std::int64_t size : noise)
    if (size < 1 && size != open_dim)
      fail_expected(where, "a noise_shape of positive sizes or -1", to_string(noise));
}

void require_noise_shape(std::string_view where, const Shape& noise, const Shape& input) {
  if (noise.empty()) return;
  bool fits = noise.rank() == input.rank();
  for (int i = 0; fits && i < noise.rank(); ++i)
    fits = noise[i] == open_dim || noise[i] == 1 || noise[i] == input[i] || input[i] == open_dim;
  if (!fits)
    fail_expected(where, "a noise_shape that broadcasts to the input's shape " + to_string(input), to_string(noise));
}

void require_channels_last(std::string_view where, const std::string& data_format) {
  if (data_format == "channels_last") return;
  if (data_format != "channels_first")
    throw Error(where, "The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: data_format=" +
                           data_format);
  fail_expected(where, "data_format 'channels_last', the only one there is",
                "'channels_first': a Permute before the layer brings the channels to the end");
}

void require_padding(std::string_view where, const std::string& padding, bool causal) {
  if (padding == "valid" || padding == "same" || (causal && padding == "causal")) return;
  throw Error(where, "The `padding` argument must be one of {" + std::string(causal ? "'causal', " : "") +
                         "'same', 'valid'}. Received: " + padding);
}

namespace {
[[noreturn]] void fail_rank(std::string_view where, std::string_view what, int rank, const Shape& shape) {
  throw Error(where, "expected " + std::string(what) + "=" + std::to_string(rank) +
                         ", found ndim=" + std::to_string(shape.rank()) + "; received full shape " + to_string(shape));
}
}  // namespace

void require_rank(std::string_view where, const Shape& shape, int rank) {
  if (shape.rank() < rank) fail_rank(where, "min_ndim", rank, shape);
  if (shape.rank() > rank) fail_rank(where, "ndim", rank, shape);
}

void require_min_rank(std::string_view where, const Shape& shape, int rank) {
  if (shape.rank() < rank) fail_rank(where, "min_ndim", rank, shape);
}

void require_axis(std::string_view where, const Shape& shape, std::int64_t axis, std::int64_t size) {
  if (shape[axis] == size || shape[axis] == open_dim) return;
  throw Error(where, "expected axis " + std::to_string(axis) + " of input shape to have value " + std::to_string(size) +
                         "; received an input of shape " + to_string(shape));
}

std::int64_t known_size(std::string_view where, const Shape& shape, std::int64_t axis) {
  if (shape[axis] == open_dim)
    throw Error(where, "expected a known size along axis " + std::to_string(axis) + "; received an input of shape " +
                           to_string(shape));
  return shape[axis];
}

}  // namespace strata::layers
