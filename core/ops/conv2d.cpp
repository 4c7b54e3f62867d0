#include "core/ops/conv2d.h"

#include "core/kernels/conv2d.h"
#include "core/ops/conv2d_bf16.h"
#include "core/ops/conv2d_onednn.h"
#include "core/ops/conv_common.h"
#include "core/ops/reshape.h"
#include "core/ops/widen.h"

namespace strata {

using namespace conv_detail;
using kernels::Conv2DGeometry;

namespace {
Conv2DGeometry geometry_of(const Window2D& w, const Shape& x, const Shape& kernel) {
  const auto out = output_size(w, x, kernel);
  Conv2DGeometry g;
  g.batch = x[0];
  g.in_height = x[1], g.in_width = x[2], g.in_channels = x[3];
  g.out_height = out[0], g.out_width = out[1], g.out_channels = kernel[3];
  g.kernel_height = kernel[0], g.kernel_width = kernel[1];
  g.stride_height = w.strides[0], g.stride_width = w.strides[1];
  g.dilation_height = w.dilation[0], g.dilation_width = w.dilation[1];
  g.pad_top = padding_before(w, x, kernel, 0), g.pad_left = padding_before(w, x, kernel, 1);
  g.groups = w.groups;
  return g;
}

Kernel forward_f32(const Conv2DGeometry& g, const Epilogue& epilogue, int threads) {
  if (auto faster = onednn_forward(g, epilogue, threads)) return *std::move(faster);
  const std::size_t arranged = aligned(kernels::conv2d_forward_kernel_bytes(g));
  const std::size_t scratch = aligned(kernels::conv2d_forward_scratch_bytes(g));
  Kernel kernel;
  kernel.scratch_bytes = arranged + scratch * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const float *x = io.in<float>(0).data(), *w = io.in<float>(1).data(), *bias = epilogue.bias ? io.in<float>(2).data() : nullptr;
    auto* prepared = io.scratch<float>();
    each_share(cpu, threads, [&](Index p) { kernels::conv2d_forward_prepare(g, w, prepared, p, threads); });
    cpu.parallel_ranges(static_cast<std::size_t>(kernels::conv2d_forward_units(g)), 1, [&](std::size_t first, std::size_t last, int part) {
      kernels::conv2d_forward_slice(g, static_cast<Index>(first), static_cast<Index>(last), x, prepared, bias, epilogue.relu,
                                    io.out<float>(0).data(), io.scratch() + arranged + scratch * static_cast<std::size_t>(part));
    });
  };
  return kernel;
}

Kernel data_gradient_f32(const Conv2DGeometry& g, int threads) {
  if (auto faster = onednn_data_gradient(g, threads)) return *std::move(faster);
  const std::size_t arranged = aligned(kernels::conv2d_data_gradient_kernel_bytes(g));
  const std::size_t scratch = aligned(kernels::conv2d_data_gradient_scratch_bytes(g));
  Kernel kernel;
  kernel.scratch_bytes = arranged + scratch * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const float *dy = io.in<float>(0).data(), *w = io.in<float>(1).data();
    auto* prepared = io.scratch<float>();
    each_share(cpu, threads, [&](Index p) { kernels::conv2d_data_gradient_prepare(g, w, prepared, p, threads); });
    cpu.parallel_ranges(static_cast<std::size_t>(kernels::conv2d_data_gradient_units(g)), 1,
                        [&](std::size_t first, std::size_t last, int part) {
                          kernels::conv2d_data_gradient_slice(g, static_cast<Index>(first), static_cast<Index>(last), dy, prepared,
                                                              io.out<float>(0).data(),
                                                              io.scratch() + arranged + scratch * static_cast<std::size_t>(part));
                        });
  };
  return kernel;
}

/// Each part of the images sums into a partial of its own; the partials are then added in order.
Kernel weight_gradient_f32(const Conv2DGeometry& g, int threads) {
  if (auto faster = onednn_weight_gradient(g, threads)) return *std::move(faster);
  const std::size_t partial = aligned(kernels::conv2d_weight_gradient_partial_bytes(g));
  const std::size_t scratch = aligned(kernels::conv2d_weight_gradient_scratch_bytes(g));
  Kernel kernel;
  kernel.scratch_bytes = (partial + scratch) * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const float *x = io.in<float>(0).data(), *dy = io.in<float>(1).data();
    const auto units = static_cast<std::size_t>(kernels::conv2d_weight_gradient_units(g));
    const int parts = cpu.parts_of(units, 1);
    std::byte* rest = io.scratch() + partial * static_cast<std::size_t>(threads);
    cpu.parallel_ranges(units, 1, [&](std::size_t first, std::size_t last, int part) {
      const auto p = static_cast<std::size_t>(part);
      kernels::conv2d_weight_gradient_slice(g, static_cast<Index>(first), static_cast<Index>(last), x, dy,
                                            reinterpret_cast<float*>(io.scratch() + partial * p), rest + scratch * p);
    });
    each_share(cpu, parts, [&](Index p) {
      kernels::conv2d_weight_gradient_finish(g, io.scratch<float>(), static_cast<Index>(partial / sizeof(float)), parts,
                                             io.out<float>(0).data(), p, parts);
    });
  };
  return kernel;
}
}  // namespace

Padding padding_from_string(const std::string& text) {
  if (text == "valid") return Padding::valid;
  if (text == "same") return Padding::same;
  throw Error("The `padding` argument must be a list/tuple or one of {'same', 'valid'}. Received: " + text);
}

std::string to_string(Padding p) { return p == Padding::same ? "same" : "valid"; }

Type Conv2D::infer(std::span<const Type> in) const { return infer_forward(name, window, epilogue, in); }

Values Conv2D::vjp(const Node& node, Value g) const {
  if (epilogue != Epilogue{}) throw Error(name, "gradients are taken before epilogues are fused");
  const Value x = node.input(0), w = node.input(1);
  return {apply(Conv2DDataGradient{window, x.shape()}, g, w), apply(Conv2DWeightGradient{window, w.shape()}, x, g)};
}

Kernel Conv2D::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  const Conv2DGeometry g = geometry_of(window, s.inputs[0].shape, s.inputs[1].shape);
  if (auto faster = bf16_forward(g, s, epilogue, std::max(1, target.threads))) return *std::move(faster);
  if (has_16_bit_floats(s)) return widened_product(s, [&](const Signature& wide) { return prepare(target, wide); });
  return s.inputs[0].dtype == DType::f64 ? forward_f64(g, epilogue) : forward_f32(g, epilogue, std::max(1, target.threads));
}

std::optional<Op> Conv2D::with_epilogue(const Epilogue& added) const {
  if (epilogue.relu || (added.bias && epilogue.bias)) return std::nullopt;
  return Op(Conv2D{window, {epilogue.bias || added.bias, added.relu}});
}

Type Conv2DDataGradient::infer(std::span<const Type> in) const { return infer_data_gradient(name, window, input, in); }

Values Conv2DDataGradient::vjp(const Node& node, Value g) const {
  const Value w = node.input(1);
  return {apply(Conv2D{window, {}}, g, w), apply(Conv2DWeightGradient{window, w.shape()}, g, node.input(0))};
}

Kernel Conv2DDataGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  const Conv2DGeometry g = geometry_of(window, input, s.inputs[1].shape);
  if (auto faster = bf16_data_gradient(g, s, std::max(1, target.threads))) return *std::move(faster);
  if (has_16_bit_floats(s)) return widened_product(s, [&](const Signature& wide) { return prepare(target, wide); });
  return s.inputs[0].dtype == DType::f64 ? data_gradient_f64(g) : data_gradient_f32(g, std::max(1, target.threads));
}

Type Conv2DWeightGradient::infer(std::span<const Type> in) const {
  return infer_weight_gradient(name, window, kernel, in);
}

Values Conv2DWeightGradient::vjp(const Node& node, Value g) const {
  const Value x = node.input(0);
  return {apply(Conv2DDataGradient{window, x.shape()}, node.input(1), g), apply(Conv2D{window, {}}, x, g)};
}

Kernel Conv2DWeightGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  const Conv2DGeometry g = geometry_of(window, s.inputs[0].shape, kernel);
  if (auto faster = bf16_weight_gradient(g, s, std::max(1, target.threads))) return *std::move(faster);
  if (has_16_bit_floats(s)) return widened_product(s, [&](const Signature& wide) { return prepare(target, wide); });
  return s.inputs[0].dtype == DType::f64 ? weight_gradient_f64(g) : weight_gradient_f32(g, std::max(1, target.threads));
}

namespace {
template <class A>
A depthwise(const A& x, const A& w, Window2D window) {
  const Shape& kernel = w.shape();
  if (kernel.rank() != 4 || x.shape().rank() != 4 || kernel[2] != x.shape()[3])
    fail_expected("depthwise_conv2d", "an image [N,H,W,C] and a kernel [kh,kw,C,m]", to_string(x.shape()) + " and " + to_string(kernel));
  window.groups = kernel[2];
  return conv2d(x, reshape(w, Shape{kernel[0], kernel[1], 1, kernel[2] * kernel[3]}), window);
}

template <class A>
A transposed(const A& x, const A& w, const Window2D& window, const OutputPadding<2>& extra) {
  const Shape out = transposed_shape("conv2d_transpose", window, x.shape(), w.shape(), extra);
  return apply(Conv2DDataGradient{window, out}, x, w);
}
}  // namespace

Value depthwise_conv2d(const Value& x, const Value& w, Window2D window) { return depthwise(x, w, window); }
Tensor depthwise_conv2d(const Tensor& x, const Tensor& w, Window2D window) { return depthwise(x, w, window); }
Value conv2d_transpose(const Value& x, const Value& w, const Window2D& window, const OutputPadding<2>& extra) {
  return transposed(x, w, window, extra);
}
Tensor conv2d_transpose(const Tensor& x, const Tensor& w, const Window2D& window, const OutputPadding<2>& extra) {
  return transposed(x, w, window, extra);
}

}  // namespace strata
