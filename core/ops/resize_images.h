#pragma once

#include <optional>
#include <string>

#include "core/graph/apply.h"

namespace strata {

/// How the value between pixels is found, by TensorFlow's names. `bilinear` is a triangle of radius 1, `bicubic` Keys's
/// kernel with a = -0.5 ("Cubic convolution interpolation for digital image processing", 1981), `mitchellcubic` that of
/// Mitchell and Netravali with B = C = 1/3 ("Reconstruction filters in computer graphics", 1988), `gaussian` has a
/// standard deviation of half a pixel and ends at 1.5, `lanczos3` and `lanczos5` are windowed sines. `area` takes the
/// mean of the part of the image that a pixel of the result covers.
enum class Interpolation { nearest, bilinear, bicubic, area, lanczos3, lanczos5, gaussian, mitchellcubic };

/// From its name, in lower case. Error naming `where` for any other.
STRATA_API Interpolation interpolation_named(std::string_view where, const std::string& name);
STRATA_API std::string_view to_string(Interpolation);

/// Images [N,H,W,C] as [N,height,width,C]. Pixel centers lie at half-integers; pixels outside the image do not count,
/// the weights of the others are scaled to a sum of 1. `antialias` widens the kernel where the image gets smaller, by
/// as much; nearest and area have none. Images that have this size already stay as they are. Floating types keep
/// theirs, u8 becomes f32; `nearest` takes and keeps every type. The formulas are tf.image.resize's, computed exactly:
/// its own bicubic without antialias takes its weights from a table of 1024 places between two pixels.
struct STRATA_API ResizeImages {
  std::int64_t height = 1, width = 1;
  Interpolation interpolation = Interpolation::bilinear;
  bool antialias = false;
  static constexpr std::string_view name = "resize_images";
  bool operator==(const ResizeImages&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature& s) const;
};

/// g of ResizeImages' result -> the gradient with respect to its images, of given_height x given_width pixels.
struct STRATA_API ResizeImagesGradient {
  std::int64_t given_height = 1, given_width = 1;
  Interpolation interpolation = Interpolation::bilinear;
  bool antialias = false;
  static constexpr std::string_view name = "resize_images_gradient";
  bool operator==(const ResizeImagesGradient&) const = default;
  Type infer(std::span<const Type> in) const;
  Values vjp(const Node& node, Value g) const;
  Kernel prepare(const CpuTarget&, const Signature& s) const;
  std::optional<Kernel> prepare(const CudaTarget&, const Signature& s) const;
};

template <Operand X>
auto resize_images(const X& images, std::int64_t height, std::int64_t width,
                   Interpolation interpolation = Interpolation::bilinear, bool antialias = false) {
  return apply(ResizeImages{height, width, interpolation, antialias}, images);
}

}  // namespace strata
