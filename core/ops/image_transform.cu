#include "core/ops/image_transform.h"

#include "core/cuda/element_types.h"
#include "core/cuda/launch.h"
#include "core/graph/tile_loops.h"

namespace strata {

namespace {
/// One byte of a result: images of all types are moved alike.
struct FlipByte {
  const std::uint8_t* from;
  std::uint8_t* to;
  const bool* chosen;
  std::int64_t height, width, pixel;
  bool left_right, up_down;
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t byte = i % pixel, place = i / pixel, x = place % width, row = place / width;
    const std::int64_t y = row % height, image = row / height;
    const bool flip = chosen[image];
    const std::int64_t source_x = flip && left_right ? width - 1 - x : x,
                       source_y = flip && up_down ? height - 1 - y : y;
    to[i] = from[((image * height + source_y) * width + source_x) * pixel + byte];
  }
};
}  // namespace

std::optional<Kernel> FlipImages::prepare(const CudaTarget&, const Signature& s) const {
  const Shape images = s.inputs[0].shape;
  const std::int64_t pixel = images[3] * static_cast<std::int64_t>(size_of(s.inputs[0].dtype));
  return Kernel{.run = {}, .in_place = {}, .launch = [how = *this, images, pixel](Cuda& gpu, const Buffers& io) {
                  cuda::for_each(gpu, images.elements() == 0 ? 0 : images[0] * images[1] * images[2] * pixel,
                                 FlipByte{static_cast<const std::uint8_t*>(io.in_raw()[0]),
                                          static_cast<std::uint8_t*>(io.out_raw()[0]), io.in<bool>(1).data(), images[1],
                                          images[2], pixel, how.left_right, how.up_down});
                }};
}

namespace {
template <class T>
using Coordinate = tiles::Arithmetic<T>;

/// One pixel of a result.
template <class T>
struct TransformPixel {
  const T* images;
  const Coordinate<T>* transforms;
  T* out;
  kernels::ImageSampler<Coordinate<T>> sampler;
  std::int64_t channels, step;
  Coordinate<T> fill;
  STRATA_HD void operator()(std::int64_t i) const {
    using A = Coordinate<T>;
    const std::int64_t x = i % sampler.width, row = i / sampler.width, y = row % sampler.height,
                       n = row / sampler.height;
    const auto taps = sampler(transforms + n * step, static_cast<A>(x), static_cast<A>(y));
    const T* image = images + n * sampler.height * sampler.width * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      A sum = 0;
      for (int k = 0; k < taps.count; ++k)
        if (taps.weight[k] != A(0))
          sum += taps.weight[k] * (taps.pixel[k] < 0 ? fill : tiles::load(image[taps.pixel[k] * channels + c]));
      out[i * channels + c] = tiles::store<T>(sum);
    }
  }
};

/// One channel of one image's gradient, by one thread, so that sums have an order. Slow, and rarely asked for: what an
/// image was before it was augmented seldom has a gradient.
template <class T>
struct SpreadChannel {
  const T* g;
  const Coordinate<T>* transforms;
  Coordinate<T>* sums;  // as many as g
  T* out;
  kernels::ImageSampler<Coordinate<T>> sampler;
  std::int64_t channels, step;
  STRATA_HD void operator()(std::int64_t i) const {
    using A = Coordinate<T>;
    const std::int64_t c = i % channels, n = i / channels, pixels = sampler.height * sampler.width, first = n * pixels;
    for (std::int64_t p = 0; p < pixels; ++p) sums[(first + p) * channels + c] = A(0);
    for (std::int64_t p = 0; p < pixels; ++p) {
      const auto taps =
          sampler(transforms + n * step, static_cast<A>(p % sampler.width), static_cast<A>(p / sampler.width));
      for (int k = 0; k < taps.count; ++k)
        if (taps.pixel[k] >= 0 && taps.weight[k] != A(0))
          sums[(first + taps.pixel[k]) * channels + c] += taps.weight[k] * tiles::load(g[(first + p) * channels + c]);
    }
    for (std::int64_t p = 0; p < pixels; ++p)
      out[(first + p) * channels + c] = tiles::store<T>(sums[(first + p) * channels + c]);
  }
};

template <class T>
kernels::ImageSampler<Coordinate<T>> sampler_of(const Shape& images, FillMode fill_mode, bool bilinear) {
  return {images[1], images[2], fill_mode, bilinear};
}
std::int64_t step_of(const Buffers& io) { return io.in_type(1).shape[0] == 1 ? 0 : 8; }
}  // namespace

std::optional<Kernel> AffineTransform::prepare(const CudaTarget&, const Signature& s) const {
  const Shape images = s.inputs[0].shape;
  return Kernel{.run = {}, .in_place = {}, .launch = [op = *this, images](Cuda& gpu, const Buffers& io) {
                  cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
                    using A = Coordinate<T>;
                    cuda::for_each(gpu, images.elements() == 0 ? 0 : images[0] * images[1] * images[2],
                                   TransformPixel<T>{io.in<T>(0).data(), io.in<A>(1).data(), io.out<T>(0).data(),
                                                     sampler_of<T>(images, op.fill_mode, op.bilinear), images[3],
                                                     step_of(io), static_cast<A>(op.fill_value)});
                  });
                }};
}

std::optional<Kernel> AffineTransformGradient::prepare(const CudaTarget&, const Signature& s) const {
  const Shape images = s.inputs[0].shape;
  const std::size_t wide = s.inputs[0].dtype == DType::f64 ? sizeof(double) : sizeof(float);
  return Kernel{.run = {},
                .scratch_bytes = static_cast<std::size_t>(images.elements()) * wide,
                .in_place = {},
                .launch = [op = *this, images](Cuda& gpu, const Buffers& io) {
                  cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
                    using A = Coordinate<T>;
                    cuda::for_each(
                        gpu, images.elements() == 0 ? 0 : images[0] * images[3],
                        SpreadChannel<T>{io.in<T>(0).data(), io.in<A>(1).data(), io.scratch<A>(), io.out<T>(0).data(),
                                         sampler_of<T>(images, op.fill_mode, op.bilinear), images[3], step_of(io)});
                  });
                }};
}

}  // namespace strata
