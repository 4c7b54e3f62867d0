#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "core/graph/apply.h"

namespace strata {

enum class Padding { valid, same };
/// "valid" or "same"; error for others.
STRATA_API Padding padding_from_string(const std::string& text);
STRATA_API std::string to_string(Padding);

/// N times the same number.
template <std::size_t N>
constexpr std::array<std::int64_t, N> on_each_axis(std::int64_t value) {
  std::array<std::int64_t, N> axes{};
  axes.fill(value);
  return axes;
}

/// How a window moves along N axes. "same" is TensorFlow's rule: the output is the input divided by the stride, rounded up,
/// and an odd amount of padding has one more at the end.
template <std::size_t N>
struct Window {
  std::array<std::int64_t, N> strides = on_each_axis<N>(1);
  Padding padding = Padding::valid;
  std::array<std::int64_t, N> dilation = on_each_axis<N>(1);
  std::int64_t groups = 1;
  friend bool operator==(const Window&, const Window&) = default;
};
using Window2D = Window<2>;

/// Cross-correlation of x [N,H,W,C] with w [kh,kw,C/groups,F]: [N,OH,OW,F]. Floating types; 16-bit ones are summed in f32.
/// Bits of f32 results may depend on batch size (another algorithm), not on threads. Error when the kernel is larger than its input, channels do not fit,
/// or strides come with dilation.
struct STRATA_API Conv2D {
  Window2D window;
  Epilogue epilogue = {};
  static constexpr std::string_view name = "conv2d";
  bool operator==(const Conv2D&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const;
  std::optional<Op> with_epilogue(const Epilogue& added) const;
};

/// (g [N,OH,OW,F], w) -> the gradient of Conv2D with respect to its input, of shape `input`. Also the transposed convolution.
struct STRATA_API Conv2DDataGradient {
  Window2D window;
  Shape input;
  static constexpr std::string_view name = "conv2d_data_gradient";
  bool operator==(const Conv2DDataGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const;
};

/// (x, g) -> the gradient of Conv2D with respect to its kernel, of shape `kernel`.
struct STRATA_API Conv2DWeightGradient {
  Window2D window;
  Shape kernel;
  static constexpr std::string_view name = "conv2d_weight_gradient";
  bool operator==(const Conv2DWeightGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const;
};

template <Operand X, Operand W>
auto conv2d(const X& x, const W& w, const Window2D& window = {}) {
  return apply(Conv2D{window, {}}, x, w);
}

/// Each channel of x [N,H,W,C] with its own kernels w [kh,kw,C,m]: [N,OH,OW,C*m], channel c*m + j from kernel j of channel c.
/// The grouped convolution of C groups, whose kernel has the same memory.
STRATA_API Value depthwise_conv2d(const Value& x, const Value& w, Window2D window = {});
STRATA_API Tensor depthwise_conv2d(const Tensor& x, const Tensor& w, Window2D window = {});

/// What a transposed convolution adds at the end of each axis. None: see below.
template <std::size_t N>
using OutputPadding = std::optional<std::array<std::int64_t, N>>;

/// Keras's Conv2DTranspose: x [N,H,W,C], w [kh,kw,F,C] -> [N,OH,OW,F] with, per axis and k_eff = dilation (k - 1) + 1,
///   valid: (n - 1) stride + max(k_eff, stride), or with output padding p: (n - 1) stride + k_eff + p
///   same:  n stride, or (n - 1) stride + k_eff % 2 + p                                        (Keras 3.15, [run])
STRATA_API Value conv2d_transpose(const Value& x, const Value& w, const Window2D& window = {},
                                  const OutputPadding<2>& = {});
STRATA_API Tensor conv2d_transpose(const Tensor& x, const Tensor& w, const Window2D& window = {},
                                   const OutputPadding<2>& = {});

}  // namespace strata
