#include "core/ops/conv3d.h"

#include "core/kernels/conv2d.h"
#include "core/kernels/conv3d.h"
#include "core/ops/conv_common.h"
#include "core/ops/widen.h"

namespace strata {

using namespace conv_detail;
using kernels::Conv2DGeometry;
using kernels::Conv3DGeometry;

namespace {
Conv3DGeometry geometry_of(const Window3D& w, const Shape& x, const Shape& kernel) {
  const auto out = output_size(w, x, kernel);
  Conv3DGeometry g;
  g.batch = x[0];
  g.in_depth = x[1], g.out_depth = out[0], g.kernel_depth = kernel[0];
  g.stride_depth = w.strides[0], g.dilation_depth = w.dilation[0];
  g.pad_front = padding_before(w, x, kernel, 0);
  Conv2DGeometry& plane = g.plane;
  plane.in_height = x[2], plane.in_width = x[3], plane.in_channels = x[4];
  plane.out_height = out[1], plane.out_width = out[2], plane.out_channels = kernel[4];
  plane.kernel_height = kernel[1], plane.kernel_width = kernel[2];
  plane.stride_height = w.strides[1], plane.stride_width = w.strides[2];
  plane.dilation_height = w.dilation[1], plane.dilation_width = w.dilation[2];
  plane.pad_top = padding_before(w, x, kernel, 1), plane.pad_left = padding_before(w, x, kernel, 2);
  plane.groups = w.groups;
  return g;
}

std::size_t bytes_of(Index floats) { return aligned(static_cast<std::size_t>(floats) * sizeof(float)); }
float* floats_at(std::byte* memory) { return reinterpret_cast<float*>(memory); }

/// Scratch: the kernel side by side, the same as conv2d prepared it, then for each thread an image and conv2d's own.
Kernel forward_f32(const Conv3DGeometry& g, const Epilogue& epilogue, int threads) {
  const Conv2DGeometry image = side_by_side(g);
  const std::size_t laid = bytes_of(g.kernel_size()), prepared = aligned(kernels::conv2d_forward_kernel_bytes(image));
  const std::size_t image_bytes = bytes_of(image.in_image());
  const std::size_t own = image_bytes + aligned(kernels::conv2d_forward_scratch_bytes(image));
  Kernel kernel;
  kernel.scratch_bytes = laid + prepared + own * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const float *x = io.in<float>(0).data(), *bias = epilogue.bias ? io.in<float>(2).data() : nullptr;
    float *y = io.out<float>(0).data(), *w = io.scratch<float>(), *ready = floats_at(io.scratch() + laid);
    lay_kernel(g, io.in<float>(1).data(), w);
    each_share(cpu, threads, [&](Index p) { kernels::conv2d_forward_prepare(image, w, ready, p, threads); });
    const auto planes = static_cast<std::size_t>(g.batch * g.out_depth);
    cpu.parallel_ranges(planes, 1, [&](std::size_t first, std::size_t last, int part) {
      std::byte* mine = io.scratch() + laid + prepared + own * static_cast<std::size_t>(part);
      for (auto i = static_cast<Index>(first); i < static_cast<Index>(last); ++i) {
        lay_planes(g, i % g.out_depth, x + i / g.out_depth * g.in_volume(), floats_at(mine));
        kernels::conv2d_forward_slice(image, 0, kernels::conv2d_forward_units(image), floats_at(mine), ready, bias,
                                      epilogue.relu, y + i * image.out_image(), mine + image_bytes);
      }
    });
  };
  return kernel;
}

/// Threads take volumes: neighbouring planes of g reach the same planes of the result.
Kernel data_gradient_f32(const Conv3DGeometry& g, int threads) {
  const Conv2DGeometry image = side_by_side(g);
  const std::size_t laid = bytes_of(g.kernel_size());
  const std::size_t prepared = aligned(kernels::conv2d_data_gradient_kernel_bytes(image));
  const std::size_t image_bytes = bytes_of(image.in_image());
  const std::size_t own = image_bytes + aligned(kernels::conv2d_data_gradient_scratch_bytes(image));
  Kernel kernel;
  kernel.scratch_bytes = laid + prepared + own * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const float* dy = io.in<float>(0).data();
    float *dx = io.out<float>(0).data(), *w = io.scratch<float>(), *ready = floats_at(io.scratch() + laid);
    lay_kernel(g, io.in<float>(1).data(), w);
    each_share(cpu, threads, [&](Index p) { kernels::conv2d_data_gradient_prepare(image, w, ready, p, threads); });
    cpu.parallel_ranges(static_cast<std::size_t>(g.batch), 1, [&](std::size_t first, std::size_t last, int part) {
      std::byte* mine = io.scratch() + laid + prepared + own * static_cast<std::size_t>(part);
      for (auto n = static_cast<Index>(first); n < static_cast<Index>(last); ++n) {
        float* volume = dx + n * g.in_volume();
        std::fill_n(volume, g.in_volume(), 0.0f);
        for (Index i = 0; i < g.out_depth; ++i) {
          kernels::conv2d_data_gradient_slice(image, 0, kernels::conv2d_data_gradient_units(image),
                                              dy + n * g.out_volume() + i * image.out_image(), ready, floats_at(mine),
                                              mine + image_bytes);
          add_planes(g, i, floats_at(mine), volume);
        }
      }
    });
  };
  return kernel;
}

/// Each part of the planes sums into a partial of its own, in whatever form conv2d keeps them; the partials are then
/// added in order.
Kernel weight_gradient_f32(const Conv3DGeometry& g, int threads) {
  const Conv2DGeometry image = side_by_side(g);
  const std::size_t partial = aligned(kernels::conv2d_weight_gradient_partial_bytes(image));
  const std::size_t laid = bytes_of(g.kernel_size()), image_bytes = bytes_of(image.in_image());
  const std::size_t own = partial + image_bytes + aligned(kernels::conv2d_weight_gradient_scratch_bytes(image));
  const auto all = static_cast<std::size_t>(threads);
  Kernel kernel;
  kernel.scratch_bytes = laid + (partial + own) * all;
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const float *x = io.in<float>(0).data(), *dy = io.in<float>(1).data();
    std::byte* sums = io.scratch() + laid;
    const auto planes = static_cast<std::size_t>(g.batch * g.out_depth);
    cpu.parallel_ranges(planes, 1, [&](std::size_t first, std::size_t last, int part) {
      float* sum = floats_at(sums + partial * static_cast<std::size_t>(part));
      std::byte* mine = sums + partial * all + own * static_cast<std::size_t>(part);
      float *of_plane = floats_at(mine), *in = floats_at(mine + partial);
      std::fill_n(sum, partial / sizeof(float), 0.0f);
      for (auto i = static_cast<Index>(first); i < static_cast<Index>(last); ++i) {
        lay_planes(g, i % g.out_depth, x + i / g.out_depth * g.in_volume(), in);
        kernels::conv2d_weight_gradient_slice(image, 0, kernels::conv2d_weight_gradient_units(image), in,
                                              dy + i * image.out_image(), of_plane, mine + partial + image_bytes);
        const std::size_t size = kernels::conv2d_weight_gradient_partial_bytes(image) / sizeof(float);
        for (std::size_t k = 0; k < size; ++k) sum[k] += of_plane[k];
      }
    });
    const int parts = cpu.parts_of(planes, 1);
    each_share(cpu, parts, [&](Index p) {
      kernels::conv2d_weight_gradient_finish(image, floats_at(sums), static_cast<Index>(partial / sizeof(float)), parts,
                                             io.scratch<float>(), p, parts);
    });
    restore_kernel(g, io.scratch<float>(), io.out<float>(0).data());
  };
  return kernel;
}

template <class A>
A transposed(const A& x, const A& w, const Window3D& window, const OutputPadding<3>& extra) {
  const Shape out = transposed_shape("conv3d_transpose", window, x.shape(), w.shape(), extra);
  return apply(Conv3DDataGradient{window, out}, x, w);
}
}  // namespace

Type Conv3D::infer(std::span<const Type> in) const { return infer_forward(name, window, epilogue, in); }

Values Conv3D::vjp(const Node& node, Value g) const {
  if (epilogue != Epilogue{}) throw Error(name, "gradients are taken before epilogues are fused");
  const Value x = node.input(0), w = node.input(1);
  return {apply(Conv3DDataGradient{window, x.shape()}, g, w), apply(Conv3DWeightGradient{window, w.shape()}, x, g)};
}

Kernel Conv3D::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  if (has_16_bit_floats(s)) return widened_product(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Conv3DGeometry g = geometry_of(window, s.inputs[0].shape, s.inputs[1].shape);
  if (s.inputs[0].dtype == DType::f64) return forward_f64(g, epilogue);
  return forward_f32(g, epilogue, std::max(1, target.threads));
}

std::optional<Op> Conv3D::with_epilogue(const Epilogue& added) const {
  if (epilogue.relu || (added.bias && epilogue.bias)) return std::nullopt;
  return Op(Conv3D{window, {epilogue.bias || added.bias, added.relu}});
}

Type Conv3DDataGradient::infer(std::span<const Type> in) const { return infer_data_gradient(name, window, input, in); }

Values Conv3DDataGradient::vjp(const Node& node, Value g) const {
  const Value w = node.input(1);
  return {apply(Conv3D{window, {}}, g, w), apply(Conv3DWeightGradient{window, w.shape()}, g, node.input(0))};
}

Kernel Conv3DDataGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  if (has_16_bit_floats(s)) return widened_product(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Conv3DGeometry g = geometry_of(window, input, s.inputs[1].shape);
  return s.inputs[0].dtype == DType::f64 ? data_gradient_f64(g) : data_gradient_f32(g, std::max(1, target.threads));
}

Type Conv3DWeightGradient::infer(std::span<const Type> in) const {
  return infer_weight_gradient(name, window, kernel, in);
}

Values Conv3DWeightGradient::vjp(const Node& node, Value g) const {
  const Value x = node.input(0);
  return {apply(Conv3DDataGradient{window, x.shape()}, node.input(1), g), apply(Conv3D{window, {}}, x, g)};
}

Kernel Conv3DWeightGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  if (has_16_bit_floats(s)) return widened_product(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Conv3DGeometry g = geometry_of(window, s.inputs[0].shape, kernel);
  return s.inputs[0].dtype == DType::f64 ? weight_gradient_f64(g) : weight_gradient_f32(g, std::max(1, target.threads));
}

Value conv3d_transpose(const Value& x, const Value& w, const Window3D& window, const OutputPadding<3>& extra) {
  return transposed(x, w, window, extra);
}
Tensor conv3d_transpose(const Tensor& x, const Tensor& w, const Window3D& window, const OutputPadding<3>& extra) {
  return transposed(x, w, window, extra);
}

}  // namespace strata
