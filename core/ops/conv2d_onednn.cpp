#include "core/ops/conv2d_onednn.h"

#include <algorithm>

#include "core/device/reorders.h"
#include "core/kernels/conv2d.h"
#include "core/kernels/onednn.h"

namespace strata {

namespace {
using kernels::Conv2DAlgorithm;
using kernels::Conv2DGeometry;
using kernels::Index;
using kernels::onednn::ConvDirection;
using Primitive = std::shared_ptr<const kernels::onednn::Conv2D>;

/// Below this many multiplications an image is not worth a call.
constexpr double image_work = 250e3;
/// Below this many output pixels, rearranging the kernel costs more than is gained.
constexpr Index enough_pixels = 512;

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The rule, from one thread of a Xeon with AVX-512, GFLOP/s of oneDNN 2.6.3 against ours. Where ours would gather
/// patches for a matrix product, oneDNN takes
///   3x3 dilated 185:147, 5x5 186:151, 7x7 on 16 channels 189:88, in 2 to 32 groups 160:100 to 49:7,
/// and the same for both gradients, except for the data gradient with strides (139:144, 76:110). 1x1 without groups
/// is as fast either way (170:157, 107:145). Winograd (174:417), depthwise (47:54) and image (74:73) kernels stay ours.
bool suits_onednn(ConvDirection direction, const Conv2DGeometry& g, int threads) {
  const Conv2DAlgorithm ours = direction == ConvDirection::forward         ? kernels::conv2d_forward_algorithm(g)
                               : direction == ConvDirection::data_gradient ? kernels::conv2d_data_gradient_algorithm(g)
                                                                           : kernels::conv2d_weight_gradient_algorithm(g);
  if (!kernels::onednn::available() || ours != Conv2DAlgorithm::gemm) return false;
  if (g.groups == 1 && g.kernel_height * g.kernel_width == 1) return false;
  if (direction == ConvDirection::data_gradient && g.in_channels <= 4) return false;  // 27:106, the first layer's
  const bool strided = g.stride_height > 1 || g.stride_width > 1;
  if (direction == ConvDirection::data_gradient && strided && g.groups == 1) return false;
  const Index pixels = g.out_height * g.out_width;
  return g.batch >= threads && pixels * g.batch >= enough_pixels &&
         static_cast<double>(pixels) * static_cast<double>(g.patch()) * static_cast<double>(g.out_channels) >= image_work;
}

Conv2DGeometry of_images(Conv2DGeometry g, std::size_t images) {
  g.batch = static_cast<Index>(images);
  return g;
}

/// What arranging or restoring the kernel reads and writes.
std::size_t reordered_bytes(const kernels::onednn::Conv2D& primitive, const Conv2DGeometry& g) {
  return primitive.kernel_bytes() + static_cast<std::size_t>(g.kernel_size()) * sizeof(float);
}

/// Forward or data gradient: `first` [images of from_image] and the plain kernel to `result` [images of to_image].
Kernel image_by_image(const Primitive& primitive, const Conv2DGeometry& g, Index from_image, Index to_image, bool bias, int threads) {
  const std::size_t arranged = aligned(primitive->kernel_bytes()), scratch = aligned(primitive->scratch_bytes());
  const std::size_t reordered = reordered_bytes(*primitive, g);
  Kernel kernel;
  kernel.scratch_bytes = arranged + scratch * static_cast<std::size_t>(threads);
  kernel.run = [=, batch = static_cast<std::size_t>(g.batch)](Cpu& cpu, const Buffers& io) {
    const float* from = io.in<float>(0).data();
    const float* bias_data = bias ? io.in<float>(2).data() : nullptr;
    float* to = io.out<float>(0).data();
    ReorderMeter::count(ReorderMeter::current(), reordered,
                        [&] { primitive->arrange(io.in<float>(1).data(), io.scratch()); });
    cpu.parallel_ranges(batch, 1, [&](std::size_t begin, std::size_t end, int part) {
      std::byte* own = io.scratch() + arranged + scratch * static_cast<std::size_t>(part);
      for (auto i = static_cast<Index>(begin); i < static_cast<Index>(end); ++i)
        primitive->run(from + i * from_image, io.scratch(), bias_data, to + i * to_image, own);
    });
  };
  return kernel;
}
}  // namespace

std::optional<Kernel> onednn_forward(const Conv2DGeometry& g, const Epilogue& epilogue, int threads) {
  if (!suits_onednn(ConvDirection::forward, g, threads)) return std::nullopt;
  const auto primitive =
      kernels::onednn::Conv2D::make(ConvDirection::forward, of_images(g, 1), epilogue.bias, epilogue.relu, threads);
  if (!primitive) return std::nullopt;
  return image_by_image(primitive, g, g.in_image(), g.out_image(), epilogue.bias, threads);
}

std::optional<Kernel> onednn_data_gradient(const Conv2DGeometry& g, int threads) {
  if (!suits_onednn(ConvDirection::data_gradient, g, threads)) return std::nullopt;
  const auto primitive = kernels::onednn::Conv2D::make(ConvDirection::data_gradient, of_images(g, 1), false, false, threads);
  if (!primitive) return std::nullopt;
  return image_by_image(primitive, g, g.out_image(), g.in_image(), false, threads);
}

std::optional<Kernel> onednn_weight_gradient(const Conv2DGeometry& g, int threads) {
  if (!suits_onednn(ConvDirection::weight_gradient, g, threads)) return std::nullopt;
  const auto parts = static_cast<std::size_t>(threads), batch = static_cast<std::size_t>(g.batch);
  std::vector<Primitive> primitives;  // ranges differ in length by one at most
  std::size_t scratch = 0, arranged = 0;
  for (std::size_t p = 0; p < parts; ++p) {
    const std::size_t images = batch * (p + 1) / parts - batch * p / parts;
    primitives.push_back(kernels::onednn::Conv2D::make(ConvDirection::weight_gradient, of_images(g, images), false, false, 1));
    if (!primitives.back()) return std::nullopt;
    scratch = std::max(scratch, aligned(primitives.back()->scratch_bytes()));
    arranged = std::max(arranged, aligned(primitives.back()->kernel_bytes()));
  }
  const std::size_t partial = aligned(static_cast<std::size_t>(g.kernel_size()) * sizeof(float));
  const std::size_t own_bytes = partial + arranged + scratch;  // plain, as oneDNN writes it, its scratchpad
  Kernel kernel;
  kernel.scratch_bytes = own_bytes * parts;
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const float *x = io.in<float>(0).data(), *dy = io.in<float>(1).data();
    ReorderMeter* const meter = ReorderMeter::current();
    cpu.parallel_ranges(parts, 1, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t p = first; p < last; ++p) {
        const auto begin = static_cast<Index>(batch * p / parts);
        std::byte* own = io.scratch() + own_bytes * p;
        std::byte* work = own + partial;
        primitives[p]->run(x + begin * g.in_image(), dy + begin * g.out_image(), nullptr, work, work + arranged);
        ReorderMeter::count(meter, reordered_bytes(*primitives[p], g),
                            [&] { primitives[p]->restore(work, reinterpret_cast<float*>(own)); });
      }
    });
    const auto dw = io.out<float>(0);
    cpu.parallel_ranges(dw.size(), 16384, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t p = 0; p < parts; ++p) {
        const auto* from = reinterpret_cast<const float*>(io.scratch() + own_bytes * p);
        for (std::size_t i = first; i < last; ++i) dw[i] = p == 0 ? from[i] : dw[i] + from[i];
      }
    });
  };
  return kernel;
}

}  // namespace strata
