#pragma once

#include "core/graph/apply.h"
#include "core/kernels/image_sampling.h"

/// Images that move: mirrored, rotated, zoomed, shifted, sheared, each by numbers of its own.
namespace strata {

/// (images [n, h, w, c] of any type, chosen bool [n]) -> the chosen images mirrored left to right, upside down, or
/// both.
struct STRATA_API FlipImages {
  bool left_right = true, up_down = false;
  static constexpr std::string_view name = "flip_images";
  bool operator==(const FlipImages&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (images [n, h, w, c], transforms [n, 8] or [1, 8]) -> for the pixel at column x and row y of each result the place
/// ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) of its image, with k = c0 x + c1 y + 1 and the transform (a0, a1,
/// a2, b0, b1, b2, c0, c1), as in keras.ops.image.affine_transform. Between pixels `bilinear`, or the nearest; beyond
/// the border as the fill mode says. Images of floating types; transforms of f64 for images of f64, else of f32 (places
/// are computed in that type). No gradient flows into the transforms.
struct STRATA_API AffineTransform {
  bool bilinear = true;
  FillMode fill_mode = FillMode::reflect;
  double fill_value = 0;
  static constexpr std::string_view name = "affine_transform";
  bool operator==(const AffineTransform&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

/// (g [n, h, w, c], transforms) -> the gradient of affine_transform: each number of g goes to the pixels that its place
/// was made of, in proportion.
struct STRATA_API AffineTransformGradient {
  bool bilinear = true;
  FillMode fill_mode = FillMode::reflect;
  static constexpr std::string_view name = "affine_transform_gradient";
  bool operator==(const AffineTransformGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature&) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature&) const;
};

template <Operand X, Operand C>
auto flip_images(const X& images, const C& chosen, const FlipImages& how = {}) {
  return apply(how, images, chosen);
}
template <Operand X, Operand T>
auto affine_transform(const X& images, const T& transforms, const AffineTransform& how = {}) {
  return apply(how, images, transforms);
}

}  // namespace strata
