#include "core/ops/conv2d.h"

#include <algorithm>

#include "core/kernels/conv2d.h"
#include "core/kernels/reference_conv.h"
#include "core/ops/conv2d_onednn.h"
#include "core/ops/reshape.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
using kernels::Conv2DGeometry;
using kernels::Index;

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

std::string pair_text(const std::array<std::int64_t, 2>& p) { return "(" + std::to_string(p[0]) + ", " + std::to_string(p[1]) + ")"; }

std::int64_t reach(const Window2D& w, const Shape& kernel, int axis) {
  return w.dilation[static_cast<std::size_t>(axis)] * (kernel[axis] - 1) + 1;
}

/// Sizes of the output image, 0 or less when the kernel does not fit.
std::array<std::int64_t, 2> output_size(const Window2D& w, const Shape& x, const Shape& kernel) {
  std::array<std::int64_t, 2> out{};
  for (int axis = 0; axis < 2; ++axis) {
    const std::int64_t n = x[axis + 1], s = w.strides[static_cast<std::size_t>(axis)], k = reach(w, kernel, axis);
    out[static_cast<std::size_t>(axis)] = w.padding == Padding::same ? (n + s - 1) / s : n < k ? 0 : (n - k) / s + 1;
  }
  return out;
}

std::int64_t padding_before(const Window2D& w, const Shape& x, const Shape& kernel, int axis) {
  if (w.padding == Padding::valid) return 0;
  const std::int64_t n = x[axis + 1], s = w.strides[static_cast<std::size_t>(axis)], out = (n + s - 1) / s;
  return std::max<std::int64_t>((out - 1) * s + reach(w, kernel, axis) - n, 0) / 2;
}

Shape output_shape(const Window2D& w, const Shape& x, const Shape& kernel) {
  const auto size = output_size(w, x, kernel);
  return {x[0], size[0], size[1], kernel[3]};
}

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

void check_types(std::string_view name, std::span<const Type> in, std::size_t wanted) {
  if (in.size() != wanted) fail_expected(name, std::to_string(wanted) + " inputs", std::to_string(in.size()));
  for (std::size_t i = 0; i < 2; ++i)
    if (!is_floating(in[i].dtype) || in[i].dtype != in[0].dtype || in[i].shape.rank() != 4)
      fail_expected(name, "two arrays of rank 4 and one floating type", to_string(in[0]) + " and " + to_string(in[1]));
}

/// Image [N,H,W,C] and kernel [kh,kw,C/groups,F] that fit together.
void check_shapes(std::string_view name, const Window2D& w, const Shape& x, const Shape& kernel) {
  for (int axis = 0; axis < 2; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    if (w.strides[a] < 1 || w.dilation[a] < 1)
      fail_expected(name, "strides and dilation of at least 1", pair_text(w.strides) + " and " + pair_text(w.dilation));
  }
  if (std::max(w.strides[0], w.strides[1]) > 1 && std::max(w.dilation[0], w.dilation[1]) > 1)
    throw Error(name, "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=" + pair_text(w.strides) +
                          " and dilation_rate=" + pair_text(w.dilation));
  if (w.groups < 1 || x[3] % w.groups != 0 || kernel[3] % w.groups != 0 || kernel[2] * w.groups != x[3])
    fail_expected(name, "a kernel [kh,kw,C/groups,F] for the image's channels, both divisible by groups",
                  "image " + to_string(x) + ", kernel " + to_string(kernel) + ", groups " + std::to_string(w.groups));
  const auto out = output_size(w, x, kernel);
  if (out[0] < 1 || out[1] < 1 || kernel[0] < 1 || kernel[1] < 1)
    throw Error(name, "Computed output size would be zero or negative. Received `inputs shape=" + to_string(x) + "`, `kernel shape=" +
                          to_string(kernel) + "`, `dilation_rate=" + pair_text(w.dilation) + "`, `strides=" + pair_text(w.strides) +
                          "`, `padding=" + to_string(w.padding) + "`.");
}

template <class F>
void each_share(Cpu& cpu, Index parts, F&& f) {
  cpu.parallel_ranges(static_cast<std::size_t>(parts), 1, [&](std::size_t first, std::size_t last, int) {
    for (std::size_t p = first; p < last; ++p) f(static_cast<Index>(p));
  });
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

/// Float64 by the definition: images are cut among the threads.
Kernel forward_f64(const Conv2DGeometry& g, const Epilogue& epilogue) {
  Kernel kernel;
  kernel.run = [g, epilogue](Cpu& cpu, const Buffers& io) {
    const double* bias = epilogue.bias ? io.in<double>(2).data() : nullptr;
    double* y = io.out<double>(0).data();
    cpu.parallel_ranges(static_cast<std::size_t>(g.batch), 1, [&](std::size_t first, std::size_t last, int) {
      const auto a = static_cast<Index>(first), b = static_cast<Index>(last);
      kernels::reference_conv2d_forward(g, a, b, io.in<double>(0).data(), io.in<double>(1).data(), bias, y);
      if (epilogue.relu)
        for (Index i = a * g.out_image(); i < b * g.out_image(); ++i) y[i] = y[i] < 0 ? 0 : y[i];
    });
  };
  return kernel;
}

Kernel data_gradient_f64(const Conv2DGeometry& g) {
  Kernel kernel;
  kernel.run = [g](Cpu& cpu, const Buffers& io) {
    cpu.parallel_ranges(static_cast<std::size_t>(g.batch), 1, [&](std::size_t first, std::size_t last, int) {
      kernels::reference_conv2d_data_gradient(g, static_cast<Index>(first), static_cast<Index>(last), io.in<double>(0).data(),
                                              io.in<double>(1).data(), io.out<double>(0).data());
    });
  };
  return kernel;
}

Kernel weight_gradient_f64(const Conv2DGeometry& g) {
  Kernel kernel;
  kernel.run = [g](Cpu&, const Buffers& io) {
    const auto dw = io.out<double>(0);
    std::fill(dw.begin(), dw.end(), 0.0);
    kernels::reference_conv2d_weight_gradient(g, 0, g.batch, io.in<double>(0).data(), io.in<double>(1).data(), dw.data());
  };
  return kernel;
}

bool is_empty(const Signature& s) {
  return std::any_of(s.inputs.begin(), s.inputs.end(), [](const Type& t) { return t.shape.elements() == 0; });
}

/// Of an empty batch: sums over nothing.
Kernel zeros_kernel() {
  Kernel kernel;
  kernel.run = [](Cpu&, const Buffers& io) {
    auto* out = static_cast<std::byte*>(io.out_raw()[0]);
    std::fill_n(out, io.out_type(0).bytes(), std::byte{0});
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

Type Conv2D::infer(std::span<const Type> in) const {
  check_types(name, in, epilogue.bias ? 3 : 2);
  check_shapes(name, window, in[0].shape, in[1].shape);
  return {in[0].dtype, output_shape(window, in[0].shape, in[1].shape)};
}

Values Conv2D::vjp(const Node& node, Value g) const {
  if (epilogue != Epilogue{}) throw Error(name, "gradients are taken before epilogues are fused");
  const Value x = node.input(0), w = node.input(1);
  return {apply(Conv2DDataGradient{window, x.shape()}, g, w), apply(Conv2DWeightGradient{window, w.shape()}, x, g)};
}

Kernel Conv2D::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Conv2DGeometry g = geometry_of(window, s.inputs[0].shape, s.inputs[1].shape);
  return s.inputs[0].dtype == DType::f64 ? forward_f64(g, epilogue) : forward_f32(g, epilogue, std::max(1, target.threads));
}

std::optional<Op> Conv2D::with_epilogue(const Epilogue& added) const {
  if (epilogue.relu || (added.bias && epilogue.bias)) return std::nullopt;
  return Op(Conv2D{window, {epilogue.bias || added.bias, added.relu}});
}

Type Conv2DDataGradient::infer(std::span<const Type> in) const {
  check_types(name, in, 2);
  if (input.rank() != 4) fail_expected(name, "an image of rank 4", to_string(input));
  check_shapes(name, window, input, in[1].shape);
  const Shape expected = output_shape(window, input, in[1].shape);
  if (in[0].shape != expected) fail_expected(name, "a gradient of shape " + to_string(expected), to_string(in[0]));
  return {in[0].dtype, input};
}

Values Conv2DDataGradient::vjp(const Node& node, Value g) const {
  const Value w = node.input(1);
  return {apply(Conv2D{window, {}}, g, w), apply(Conv2DWeightGradient{window, w.shape()}, g, node.input(0))};
}

Kernel Conv2DDataGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Conv2DGeometry g = geometry_of(window, input, s.inputs[1].shape);
  return s.inputs[0].dtype == DType::f64 ? data_gradient_f64(g) : data_gradient_f32(g, std::max(1, target.threads));
}

Type Conv2DWeightGradient::infer(std::span<const Type> in) const {
  check_types(name, in, 2);
  if (kernel.rank() != 4) fail_expected(name, "a kernel of rank 4", to_string(kernel));
  check_shapes(name, window, in[0].shape, kernel);
  const Shape expected = output_shape(window, in[0].shape, kernel);
  if (in[1].shape != expected) fail_expected(name, "a gradient of shape " + to_string(expected), to_string(in[1]));
  return {in[0].dtype, kernel};
}

Values Conv2DWeightGradient::vjp(const Node& node, Value g) const {
  const Value x = node.input(0);
  return {apply(Conv2DDataGradient{window, x.shape()}, node.input(1), g), apply(Conv2D{window, {}}, x, g)};
}

Kernel Conv2DWeightGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (is_empty(s)) return zeros_kernel();
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Conv2DGeometry g = geometry_of(window, s.inputs[0].shape, kernel);
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

std::int64_t transposed_size(std::int64_t n, std::int64_t k, std::int64_t stride, Padding padding, std::int64_t extra) {
  if (padding == Padding::valid) return extra < 0 ? (n - 1) * stride + std::max(k, stride) : (n - 1) * stride + k + extra;
  return extra < 0 ? n * stride : (n - 1) * stride + k % 2 + extra;
}

template <class A>
A transposed(const A& x, const A& w, const Window2D& window, const OutputPadding& extra) {
  if (x.shape().rank() != 4 || w.shape().rank() != 4 || w.shape()[3] != x.shape()[3])
    fail_expected("conv2d_transpose", "an image [N,H,W,C] and a kernel [kh,kw,F,C]", to_string(x.shape()) + " and " + to_string(w.shape()));
  const Shape out{x.shape()[0],
                  transposed_size(x.shape()[1], reach(window, w.shape(), 0), window.strides[0], window.padding, extra.height),
                  transposed_size(x.shape()[2], reach(window, w.shape(), 1), window.strides[1], window.padding, extra.width), w.shape()[2]};
  return apply(Conv2DDataGradient{window, out}, x, w);
}
}  // namespace

Value depthwise_conv2d(const Value& x, const Value& w, Window2D window) { return depthwise(x, w, window); }
Tensor depthwise_conv2d(const Tensor& x, const Tensor& w, Window2D window) { return depthwise(x, w, window); }
Value conv2d_transpose(const Value& x, const Value& w, const Window2D& window, const OutputPadding& extra) {
  return transposed(x, w, window, extra);
}
Tensor conv2d_transpose(const Tensor& x, const Tensor& w, const Window2D& window, const OutputPadding& extra) {
  return transposed(x, w, window, extra);
}

}  // namespace strata
