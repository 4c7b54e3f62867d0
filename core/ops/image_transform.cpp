#include "core/ops/image_transform.h"

#include <algorithm>
#include <cstring>

#include "core/ops/widen.h"

namespace strata {

namespace {
/// Rows that make a range worth a thread.
std::size_t grain(const Shape& images) {
  return std::max<std::size_t>(1, 4096 / static_cast<std::size_t>(std::max<std::int64_t>(1, images[2] * images[3])));
}

/// `pixels` pixels of `bytes` each in reverse order. Common sizes are constants, so that copies are single
/// instructions.
template <std::size_t bytes>
void reverse_pixels_of(const std::byte* from, std::byte* to, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i) std::memcpy(to + (pixels - 1 - i) * bytes, from + i * bytes, bytes);
}
void reverse_pixels(const std::byte* from, std::byte* to, std::size_t pixels, std::size_t bytes) {
  if (bytes == 3) return reverse_pixels_of<3>(from, to, pixels);
  if (bytes == 4) return reverse_pixels_of<4>(from, to, pixels);
  if (bytes == 12) return reverse_pixels_of<12>(from, to, pixels);
  for (std::size_t i = 0; i < pixels; ++i) std::memcpy(to + (pixels - 1 - i) * bytes, from + i * bytes, bytes);
}
}  // namespace

Type FlipImages::infer(std::span<const Type> in) const {
  if (in.size() != 2) fail_expected(name, "2 inputs", std::to_string(in.size()));
  if (in[0].shape.rank() != 4) fail_expected(name, "images [N,H,W,C]", to_string(in[0]));
  if (in[1] != Type{DType::boolean, {in[0].shape[0]}})
    fail_expected(name, "a choice of type " + to_string(Type{DType::boolean, {in[0].shape[0]}}), to_string(in[1]));
  return in[0];
}

Values FlipImages::vjp(const Node& node, Value g) const {
  if (!is_floating(g.dtype())) return no_gradient();
  return {apply(*this, g, node.input(1)), {}};
}

Kernel FlipImages::prepare(const CpuTarget&, const Signature& s) const {
  const Shape images = s.inputs[0].shape;
  const auto height = static_cast<std::size_t>(images[1]), width = static_cast<std::size_t>(images[2]);
  const std::size_t pixel = static_cast<std::size_t>(images[3]) * size_of(s.inputs[0].dtype), row = pixel * width;
  Kernel kernel;
  kernel.run = [how = *this, images, height, width, pixel, row](Cpu& cpu, const Buffers& io) {
    if (images.elements() == 0) return;
    const auto* from = static_cast<const std::byte*>(io.in_raw()[0]);
    auto* to = static_cast<std::byte*>(io.out_raw()[0]);
    const auto chosen = io.in<bool>(1);
    cpu.parallel_for(
        chosen.size() * height,
        [&](std::size_t i) {
          const std::size_t image = i / height, y = i % height;
          const bool flip = chosen[image];
          const std::byte* source = from + (image * height + (flip && how.up_down ? height - 1 - y : y)) * row;
          if (flip && how.left_right)
            reverse_pixels(source, to + i * row, width, pixel);
          else
            std::memcpy(to + i * row, source, row);
        },
        grain(images));
  };
  return kernel;
}

namespace {
Type infer_transform(std::string_view name, std::span<const Type> in) {
  if (in.size() != 2) fail_expected(name, "2 inputs", std::to_string(in.size()));
  if (in[0].shape.rank() != 4 || !is_floating(in[0].dtype))
    fail_expected(name, "images [N,H,W,C] of a floating type", to_string(in[0]));
  const Shape& t = in[1].shape;
  const DType wanted = in[0].dtype == DType::f64 ? DType::f64 : DType::f32;
  if (in[1].dtype != wanted || t.rank() != 2 || t[1] != 8 || (t[0] != 1 && t[0] != in[0].shape[0]))
    fail_expected(name, "transforms " + to_string(Type{wanted, {in[0].shape[0], 8}}) + " or one for all",
                  to_string(in[1]));
  return in[0];
}

template <class T>
kernels::ImageSampler<T> sampler_of(const Shape& images, FillMode fill_mode, bool bilinear) {
  return {images[1], images[2], fill_mode, bilinear};
}

/// The sum of a place's pixels, channel by channel.
template <class T>
void gather_pixel(const kernels::Taps<T>& taps, const T* image, std::size_t channels, T fill, T* to) {
  for (std::size_t c = 0; c < channels; ++c) to[c] = T(0);
  for (int k = 0; k < taps.count; ++k) {
    const T w = taps.weight[k];
    if (w == T(0)) continue;
    const T* pixel = taps.pixel[k] < 0 ? nullptr : image + static_cast<std::size_t>(taps.pixel[k]) * channels;
    for (std::size_t c = 0; c < channels; ++c) to[c] += w * (pixel ? pixel[c] : fill);
  }
}

template <class T>
void transform_images(Cpu& cpu, const Buffers& io, const AffineTransform& op) {
  const Shape& shape = io.in_type(0).shape;
  const auto sampler = sampler_of<T>(shape, op.fill_mode, op.bilinear);
  const auto height = static_cast<std::size_t>(shape[1]), width = static_cast<std::size_t>(shape[2]);
  const auto channels = static_cast<std::size_t>(shape[3]);
  const std::size_t step = io.in_type(1).shape[0] == 1 ? 0 : 8;
  const T* images = io.in<T>(0).data();
  const T* transforms = io.in<T>(1).data();
  T* out = io.out<T>(0).data();
  if (shape.elements() == 0) return;
  cpu.parallel_for(
      static_cast<std::size_t>(shape[0]) * height,
      [&](std::size_t row) {
        const std::size_t n = row / height, y = row % height;
        for (std::size_t x = 0; x < width; ++x)
          gather_pixel(sampler(transforms + n * step, static_cast<T>(x), static_cast<T>(y)),
                       images + n * height * width * channels, channels, static_cast<T>(op.fill_value),
                       out + (row * width + x) * channels);
      },
      grain(shape));
}

// The threads cut the images: the additions to one pixel happen in the order of the result's rows.
template <class T>
void spread_gradient(Cpu& cpu, const Buffers& io, const AffineTransformGradient& op) {
  const Shape& shape = io.in_type(0).shape;
  const auto sampler = sampler_of<T>(shape, op.fill_mode, op.bilinear);
  const auto channels = static_cast<std::size_t>(shape[3]),
             size = static_cast<std::size_t>(shape[1] * shape[2]) * channels;
  const std::size_t step = io.in_type(1).shape[0] == 1 ? 0 : 8;
  const T* transforms = io.in<T>(1).data();
  cpu.parallel_for(
      static_cast<std::size_t>(shape[0]),
      [&](std::size_t n) {
        const T* g = io.in<T>(0).data() + n * size;
        T* image = io.out<T>(0).data() + n * size;
        std::fill_n(image, size, T(0));
        for (std::int64_t y = 0; y < shape[1]; ++y)
          for (std::int64_t x = 0; x < shape[2]; ++x, g += channels) {
            const auto taps = sampler(transforms + n * step, static_cast<T>(x), static_cast<T>(y));
            for (int k = 0; k < taps.count; ++k) {
              if (taps.pixel[k] < 0 || taps.weight[k] == T(0)) continue;
              T* pixel = image + static_cast<std::size_t>(taps.pixel[k]) * channels;
              for (std::size_t c = 0; c < channels; ++c) pixel[c] += taps.weight[k] * g[c];
            }
          }
      },
      1);
}
}  // namespace

Type AffineTransform::infer(std::span<const Type> in) const { return infer_transform(name, in); }

Values AffineTransform::vjp(const Node& node, Value g) const {
  return {apply(AffineTransformGradient{bilinear, fill_mode}, g, node.input(1)), {}};
}

Kernel AffineTransform::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  Kernel kernel;
  kernel.run = [op = *this](Cpu& cpu, const Buffers& io) {
    return io.in_type(0).dtype == DType::f64 ? transform_images<double>(cpu, io, op)
                                             : transform_images<float>(cpu, io, op);
  };
  return kernel;
}

Type AffineTransformGradient::infer(std::span<const Type> in) const { return infer_transform(name, in); }

Values AffineTransformGradient::vjp(const Node& node, Value g) const {
  return {apply(AffineTransform{bilinear, fill_mode, 0}, g, node.input(1)), {}};
}

Kernel AffineTransformGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  Kernel kernel;
  kernel.run = [op = *this](Cpu& cpu, const Buffers& io) {
    return io.in_type(0).dtype == DType::f64 ? spread_gradient<double>(cpu, io, op)
                                             : spread_gradient<float>(cpu, io, op);
  };
  return kernel;
}

}  // namespace strata
