#pragma once

#include <algorithm>
#include <string>

#include "core/kernels/reference_conv.h"
#include "core/ops/conv2d.h"

/// What convolutions over N axes share: shapes and their errors, kernels of float64. Internal.
namespace strata::conv_detail {

using kernels::Index;

inline std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// `(2, 2)`
template <std::size_t N>
std::string axes_text(const std::array<std::int64_t, N>& axes) {
  std::string text = "(" + std::to_string(axes[0]);
  for (std::size_t i = 1; i < N; ++i) text += ", " + std::to_string(axes[i]);
  return text + ")";
}

/// Positions from the first to the last that the kernel looks at.
template <std::size_t N>
std::int64_t reach(const Window<N>& w, const Shape& kernel, std::size_t axis) {
  return w.dilation[axis] * (kernel[static_cast<int>(axis)] - 1) + 1;
}

/// Sizes of the output, 0 or less when the kernel does not fit.
template <std::size_t N>
std::array<std::int64_t, N> output_size(const Window<N>& w, const Shape& x, const Shape& kernel) {
  std::array<std::int64_t, N> out{};
  for (std::size_t axis = 0; axis < N; ++axis) {
    const std::int64_t n = x[static_cast<int>(axis) + 1], s = w.strides[axis], k = reach(w, kernel, axis);
    out[axis] = w.padding == Padding::same ? (n + s - 1) / s : n < k ? 0 : (n - k) / s + 1;
  }
  return out;
}

template <std::size_t N>
std::int64_t padding_before(const Window<N>& w, const Shape& x, const Shape& kernel, std::size_t axis) {
  if (w.padding == Padding::valid) return 0;
  const std::int64_t n = x[static_cast<int>(axis) + 1], s = w.strides[axis], out = (n + s - 1) / s;
  return std::max<std::int64_t>((out - 1) * s + reach(w, kernel, axis) - n, 0) / 2;
}

template <std::size_t N>
Shape output_shape(const Window<N>& w, const Shape& x, const Shape& kernel) {
  Shape shape{x[0]};
  for (const std::int64_t size : output_size(w, x, kernel)) shape.push_back(size);
  shape.push_back(kernel.back());
  return shape;
}

template <std::size_t N>
void check_types(std::string_view name, std::span<const Type> in, std::size_t wanted) {
  if (in.size() != wanted) fail_expected(name, std::to_string(wanted) + " inputs", std::to_string(in.size()));
  for (std::size_t i = 0; i < 2; ++i)
    if (!is_floating(in[i].dtype) || in[i].dtype != in[0].dtype || in[i].shape.rank() != static_cast<int>(N) + 2)
      fail_expected(name, "two arrays of rank " + std::to_string(N + 2) + " and one floating type",
                    to_string(in[0]) + " and " + to_string(in[1]));
}

template <std::size_t N>
void check_window(std::string_view name, const Window<N>& w) {
  if (std::min(std::ranges::min(w.strides), std::ranges::min(w.dilation)) < 1)
    fail_expected(name, "strides and dilation of at least 1", axes_text(w.strides) + " and " + axes_text(w.dilation));
  if (std::ranges::max(w.strides) > 1 && std::ranges::max(w.dilation) > 1)
    throw Error(name, "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=" +
                          axes_text(w.strides) + " and dilation_rate=" + axes_text(w.dilation));
}

/// x [N,...,C] and kernel [...,C/groups,F] that fit together.
template <std::size_t N>
void check_shapes(std::string_view name, const Window<N>& w, const Shape& x, const Shape& kernel) {
  check_window(name, w);
  if (w.groups < 1 || x.back() % w.groups != 0 || kernel.back() % w.groups != 0 || kernel[-2] * w.groups != x.back())
    fail_expected(name, "a kernel [...,C/groups,F] for the input's channels C, C and F divisible by groups",
                  "input " + to_string(x) + ", kernel " + to_string(kernel) + ", groups " + std::to_string(w.groups));
  if (std::ranges::min(output_size(w, x, kernel)) < 1 || *std::min_element(kernel.begin(), kernel.begin() + N) < 1)
    throw Error(name, "Computed output size would be zero or negative. Received `inputs shape=" + to_string(x) +
                          "`, `kernel shape=" + to_string(kernel) + "`, `dilation_rate=" + axes_text(w.dilation) +
                          "`, `strides=" + axes_text(w.strides) + "`, `padding=" + to_string(w.padding) + "`.");
}

template <std::size_t N>
Type infer_forward(std::string_view name, const Window<N>& w, const Epilogue& epilogue, std::span<const Type> in) {
  check_types<N>(name, in, epilogue.bias ? 3 : 2);
  check_shapes(name, w, in[0].shape, in[1].shape);
  return {in[0].dtype, output_shape(w, in[0].shape, in[1].shape)};
}

/// (g, kernel) to a gradient of shape `x`.
template <std::size_t N>
Type infer_data_gradient(std::string_view name, const Window<N>& w, const Shape& x, std::span<const Type> in) {
  check_types<N>(name, in, 2);
  if (x.rank() != in[1].shape.rank()) fail_expected(name, "an input of rank " + std::to_string(N + 2), to_string(x));
  check_shapes(name, w, x, in[1].shape);
  const Shape expected = output_shape(w, x, in[1].shape);
  if (in[0].shape != expected) fail_expected(name, "a gradient of shape " + to_string(expected), to_string(in[0]));
  return {in[0].dtype, x};
}

/// (x, g) to a gradient of shape `kernel`.
template <std::size_t N>
Type infer_weight_gradient(std::string_view name, const Window<N>& w, const Shape& kernel, std::span<const Type> in) {
  check_types<N>(name, in, 2);
  if (kernel.rank() != in[0].shape.rank())
    fail_expected(name, "a kernel of rank " + std::to_string(N + 2), to_string(kernel));
  check_shapes(name, w, in[0].shape, kernel);
  const Shape expected = output_shape(w, in[0].shape, kernel);
  if (in[1].shape != expected) fail_expected(name, "a gradient of shape " + to_string(expected), to_string(in[1]));
  return {in[0].dtype, kernel};
}

/// The shape of a transposed convolution of x [N,...,C] with w [...,F,C], as OutputPadding says.
template <std::size_t N>
Shape transposed_shape(std::string_view name, const Window<N>& window, const Shape& x, const Shape& w,
                       const OutputPadding<N>& extra) {
  if (x.rank() != static_cast<int>(N) + 2 || w.rank() != x.rank() || w.back() != x.back())
    fail_expected(name, "[N,...,C] of rank " + std::to_string(N + 2) + " and a kernel [...,F,C]",
                  to_string(x) + " and " + to_string(w));
  Shape out{x[0]};
  for (std::size_t axis = 0; axis < N; ++axis) {
    const std::int64_t k = reach(window, w, axis), stride = window.strides[axis];
    const std::int64_t spread = (x[static_cast<int>(axis) + 1] - 1) * stride;  // from the first to the last position
    const bool valid = window.padding == Padding::valid;
    if (extra)
      out.push_back(spread + (valid ? k : k % 2) + (*extra)[axis]);
    else
      out.push_back(spread + (valid ? std::max(k, stride) : stride));
  }
  out.push_back(w[-2]);
  return out;
}

/// f(part) for each part, on as many threads.
template <class F>
void each_share(Cpu& cpu, Index parts, F&& f) {
  cpu.parallel_ranges(static_cast<std::size_t>(parts), 1, [&](std::size_t first, std::size_t last, int) {
    for (std::size_t p = first; p < last; ++p) f(static_cast<Index>(p));
  });
}

/// Float64 by the definition: images are cut among the threads.
template <class Geometry>
Kernel forward_f64(const Geometry& g, const Epilogue& epilogue) {
  Kernel kernel;
  kernel.run = [g, epilogue](Cpu& cpu, const Buffers& io) {
    const double* bias = epilogue.bias ? io.in<double>(2).data() : nullptr;
    double* y = io.out<double>(0).data();
    cpu.parallel_ranges(static_cast<std::size_t>(g.batch), 1, [&](std::size_t first, std::size_t last, int) {
      const auto a = static_cast<Index>(first), b = static_cast<Index>(last);
      kernels::reference_conv_forward(g, a, b, io.in<double>(0).data(), io.in<double>(1).data(), bias, y);
      if (epilogue.relu)
        for (Index i = a * out_elements(g); i < b * out_elements(g); ++i) y[i] = y[i] < 0 ? 0 : y[i];
    });
  };
  return kernel;
}

template <class Geometry>
Kernel data_gradient_f64(const Geometry& g) {
  Kernel kernel;
  kernel.run = [g](Cpu& cpu, const Buffers& io) {
    cpu.parallel_ranges(static_cast<std::size_t>(g.batch), 1, [&](std::size_t first, std::size_t last, int) {
      kernels::reference_conv_data_gradient(g, static_cast<Index>(first), static_cast<Index>(last),
                                            io.in<double>(0).data(), io.in<double>(1).data(), io.out<double>(0).data());
    });
  };
  return kernel;
}

template <class Geometry>
Kernel weight_gradient_f64(const Geometry& g) {
  Kernel kernel;
  kernel.run = [g](Cpu&, const Buffers& io) {
    const auto dw = io.out<double>(0);
    std::fill(dw.begin(), dw.end(), 0.0);
    kernels::reference_conv_weight_gradient(g, 0, g.batch, io.in<double>(0).data(), io.in<double>(1).data(), dw.data());
  };
  return kernel;
}

inline bool is_empty(const Signature& s) {
  return std::any_of(s.inputs.begin(), s.inputs.end(), [](const Type& t) { return t.shape.elements() == 0; });
}

/// Of an empty batch: sums over nothing.
inline Kernel zeros_kernel() {
  Kernel kernel;
  kernel.run = [](Cpu&, const Buffers& io) {
    auto* out = static_cast<std::byte*>(io.out_raw()[0]);
    std::fill_n(out, io.out_type(0).bytes(), std::byte{0});
  };
  return kernel;
}

}  // namespace strata::conv_detail
