#pragma once

#include "core/ops/conv2d.h"

namespace strata {

using Window3D = Window<3>;

/// Cross-correlation of x [N,D,H,W,C] with w [kd,kh,kw,C/groups,F]: [N,OD,OH,OW,F]. Types, sums and errors as Conv2D.
struct STRATA_API Conv3D {
  Window3D window;
  Epilogue epilogue = {};
  static constexpr std::string_view name = "conv3d";
  bool operator==(const Conv3D&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const;
  std::optional<Op> with_epilogue(const Epilogue& added) const;
};

/// (g [N,OD,OH,OW,F], w) -> the gradient of Conv3D with respect to its input, of shape `input`. Also the transposed
/// convolution.
struct STRATA_API Conv3DDataGradient {
  Window3D window;
  Shape input;
  static constexpr std::string_view name = "conv3d_data_gradient";
  bool operator==(const Conv3DDataGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const;
};

/// (x, g) -> the gradient of Conv3D with respect to its kernel, of shape `kernel`.
struct STRATA_API Conv3DWeightGradient {
  Window3D window;
  Shape kernel;
  static constexpr std::string_view name = "conv3d_weight_gradient";
  bool operator==(const Conv3DWeightGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget& target, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget& target, const Signature& s) const;
};

template <Operand X, Operand W>
auto conv3d(const X& x, const W& w, const Window3D& window = {}) {
  return apply(Conv3D{window, {}}, x, w);
}

/// Keras's Conv3DTranspose: x [N,D,H,W,C], w [kd,kh,kw,F,C]; sizes as conv2d_transpose.
STRATA_API Value conv3d_transpose(const Value& x, const Value& w, const Window3D& window = {},
                                  const OutputPadding<3>& = {});
STRATA_API Tensor conv3d_transpose(const Tensor& x, const Tensor& w, const Window3D& window = {},
                                   const OutputPadding<3>& = {});

}  // namespace strata
