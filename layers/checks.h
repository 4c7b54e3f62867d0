#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/graph/apply.h"
#include "layers/arguments.h"

/// What many layers check, and the words they say it in. Internal. `where` names the layer: "Dense 'head'".
namespace strata::layers {

/// "Dense 'head'", or "Dense" while the layer has no name.
std::string place(std::string_view class_name, std::string_view name);
/// "Received an invalid value for `units`, expected a positive integer. Received: units=-1"
void require_positive(std::string_view where, std::string_view argument, std::int64_t value);
/// "Invalid value for argument `filters`. Expected a strictly positive value. Received filters=0."
void require_strictly_positive(std::string_view where, std::string_view argument, std::int64_t value);
/// "The `kernel_size` argument must be a tuple of 2 positive integers. Received kernel_size=(3, 0)"
void require_positive(std::string_view where, std::string_view argument, std::span<const std::int64_t> sizes);
inline void require_positive(std::string_view where, std::string_view argument, const Size2& size) {
  require_positive(where, argument, size.axes());
}
inline void require_positive(std::string_view where, std::string_view argument, const Size3& size) {
  require_positive(where, argument, size.axes());
}
/// "Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: rate=1.5"
void require_fraction(std::string_view where, std::string_view argument, double value);
/// The shape of a mask of random numbers: positive sizes, or open_dim where the input's size is meant.
void require_noise_sizes(std::string_view where, const Shape& noise);
/// Whether it broadcasts to the input's shape; an empty one always does.
void require_noise_shape(std::string_view where, const Shape& noise, const Shape& input);
void require_channels_last(std::string_view where, const std::string& data_format);
/// "valid" or "same", and where it makes sense "causal".
void require_padding(std::string_view where, const std::string& padding, bool causal = false);
/// Also in words for a rank that is too small: "expected min_ndim=4, found ndim=3; received full shape [2,28,28]".
void require_rank(std::string_view where, const Shape&, int rank);
void require_min_rank(std::string_view where, const Shape&, int rank);
/// "expected axis -1 of input shape to have value 784; received an input of shape [1,10]". An open size passes.
void require_axis(std::string_view where, const Shape&, std::int64_t axis, std::int64_t size);
/// A size that a weight's shape depends on.
std::int64_t known_size(std::string_view where, const Shape&, std::int64_t axis);

/// `(2, 2)`, as Keras prints sizes; `(2,)` for one.
std::string to_keras_string(std::span<const std::int64_t> sizes);

/// A number in few digits: `1.5`, `0.001`.
std::string to_python(double);

/// In the floating type that the layer being called computes in: integers, too.
inline Value to_compute(const Value& x) { return cast(x, current_compute_dtype().value_or(DType::f32)); }

}  // namespace strata::layers
