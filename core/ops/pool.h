#pragma once

#include "core/ops/conv2d.h"

namespace strata {

/// A window of `size` that moves by `strides` over an image. Padding never counts: not as a maximum, not in the
/// divisor of a mean. Windows that do not fit any more are dropped ("valid") or reach into the padding ("same").
/// `adaptive`: `size` is how many windows there are along each axis, strides and padding mean nothing; window i of n
/// covers the positions from floor(i in / n) to before ceil((i + 1) in / n) of `in`, as in Keras and PyTorch.
struct PoolWindow2D {
  std::array<std::int64_t, 2> size{2, 2};
  std::array<std::int64_t, 2> strides{0, 0};  ///< 0: the window's size, so that windows do not overlap
  Padding padding = Padding::valid;
  bool adaptive = false;
  std::int64_t stride(std::size_t axis) const { return strides[axis] == 0 ? size[axis] : strides[axis]; }
  friend bool operator==(const PoolWindow2D&, const PoolWindow2D&) = default;
};

/// [N,H,W,C] -> [N,OH,OW,C], the largest element of each window and channel; NaN wins. Floating types. Error when the
/// window is larger than the image.
struct STRATA_API MaxPool2D {
  PoolWindow2D window;
  static constexpr std::string_view name = "max_pool2d";
  bool operator==(const MaxPool2D&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (x, y = max_pool2d(x), g) -> the gradient with respect to x: each window's g goes to its first maximum, rows first, as
/// TensorFlow's CPU kernel does. It has no gradient of its own.
struct STRATA_API MaxPool2DGradient {
  PoolWindow2D window;
  static constexpr std::string_view name = "max_pool2d_gradient";
  bool operator==(const MaxPool2DGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// The mean of each window and channel, over the elements that lie in the image.
struct STRATA_API AveragePool2D {
  PoolWindow2D window;
  static constexpr std::string_view name = "average_pool2d";
  bool operator==(const AveragePool2D&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// g -> the gradient of AveragePool2D with respect to its input, of shape `input`.
struct STRATA_API AveragePool2DGradient {
  PoolWindow2D window;
  Shape input;
  static constexpr std::string_view name = "average_pool2d_gradient";
  bool operator==(const AveragePool2DGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <Operand X>
auto max_pool2d(const X& x, const PoolWindow2D& window = {}) {
  return apply(MaxPool2D{window}, x);
}
template <Operand X>
auto average_pool2d(const X& x, const PoolWindow2D& window = {}) {
  return apply(AveragePool2D{window}, x);
}

}  // namespace strata
