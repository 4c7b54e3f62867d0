#include "core/ops/pool.h"

#include <algorithm>
#include <functional>

#include "core/kernels/pool.h"
#include "core/kernels/reference_conv.h"
#include "core/ops/pool_geometry.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
using kernels::Index;
using kernels::Pool2DGeometry;
using pooling::geometry_of;
using pooling::output_size;

std::string pair_text(const std::array<std::int64_t, 2>& p) { return "(" + std::to_string(p[0]) + ", " + std::to_string(p[1]) + ")"; }

Shape pooled_shape(std::string_view name, const PoolWindow2D& w, const Shape& x) {
  if (x.rank() != 4) fail_expected(name, "[N,H,W,C]", to_string(x));
  if (std::min({w.size[0], w.size[1], w.stride(0), w.stride(1)}) < 1)
    fail_expected(name, "window sizes and strides of at least 1", pair_text(w.size) + " and " + pair_text(w.strides));
  const Shape out{x[0], output_size(w, x[1], 0), output_size(w, x[2], 1), x[3]};
  if (w.adaptive && std::min(x[1], x[2]) < 1) fail_expected(name, "an image of at least one pixel", to_string(x));
  if (out[1] < 1 || out[2] < 1)
    throw Error(name, "Computed output size would be zero or negative. Received: `inputs.shape=" + to_string(x) + "`, `pool_size=" +
                          pair_text(w.size) + "`, `strides=" + pair_text({w.stride(0), w.stride(1)}) + "`, `padding=" + to_string(w.padding) + "`.");
  return out;
}

Type floating_input(std::string_view name, std::span<const Type> in, std::size_t count) {
  if (in.size() != count) fail_expected(name, std::to_string(count) + " inputs", std::to_string(in.size()));
  if (!is_floating(in[0].dtype)) fail_expected(name, "a floating type", to_string(in[0]));
  return in[0];
}

/// A kernel that does ranges of images, in f32 by the vectorized loops and in f64 by the definition.
using FloatLoop = std::function<void(const Pool2DGeometry&, Index, Index, const Buffers&)>;
Kernel over_images(const Pool2DGeometry& g, DType dtype, FloatLoop in_f32, FloatLoop in_f64) {
  Kernel kernel;
  kernel.run = [g, loop = dtype == DType::f64 ? std::move(in_f64) : std::move(in_f32)](Cpu& cpu, const Buffers& io) {
    cpu.parallel_ranges(static_cast<std::size_t>(g.batch), 1, [&](std::size_t first, std::size_t last, int) {
      loop(g, static_cast<Index>(first), static_cast<Index>(last), io);
    });
  };
  return kernel;
}
}  // namespace

Type MaxPool2D::infer(std::span<const Type> in) const {
  const Type x = floating_input(name, in, 1);
  return {x.dtype, pooled_shape(name, window, x.shape)};
}

Values MaxPool2D::vjp(const Node& node, Value g) const {
  return {apply(MaxPool2DGradient{window}, node.input(0), node.output(0), g)};
}

Kernel MaxPool2D::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return over_images(
      geometry_of(window, s.inputs[0].shape), s.inputs[0].dtype,
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::max_pool_forward(g, a, b, io.in<float>(0).data(), io.out<float>(0).data());
      },
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::reference_max_pool_forward(g, a, b, io.in<double>(0).data(), io.out<double>(0).data());
      });
}

Type MaxPool2DGradient::infer(std::span<const Type> in) const {
  const Type x = floating_input(name, in, 3);
  const Type pooled{x.dtype, pooled_shape(name, window, x.shape)};
  if (in[1] != pooled || in[2] != pooled)
    fail_expected(name, "a pooled image and a gradient of type " + to_string(pooled), to_string(in[1]) + " and " + to_string(in[2]));
  return x;
}

Values MaxPool2DGradient::vjp(const Node&, Value) const { throw Error(name, "has no gradient: max_pool2d can be differentiated once"); }

Kernel MaxPool2DGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return over_images(
      geometry_of(window, s.inputs[0].shape), s.inputs[0].dtype,
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::max_pool_backward(g, a, b, io.in<float>(0).data(), io.in<float>(1).data(), io.in<float>(2).data(),
                                   io.out<float>(0).data());
      },
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::reference_max_pool_backward(g, a, b, io.in<double>(0).data(), io.in<double>(2).data(), io.out<double>(0).data());
      });
}

Type AveragePool2D::infer(std::span<const Type> in) const {
  const Type x = floating_input(name, in, 1);
  return {x.dtype, pooled_shape(name, window, x.shape)};
}

Values AveragePool2D::vjp(const Node& node, Value g) const {
  return {apply(AveragePool2DGradient{window, node.input(0).shape()}, g)};
}

Kernel AveragePool2D::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return over_images(
      geometry_of(window, s.inputs[0].shape), s.inputs[0].dtype,
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::average_pool_forward(g, a, b, io.in<float>(0).data(), io.out<float>(0).data());
      },
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::reference_average_pool_forward(g, a, b, io.in<double>(0).data(), io.out<double>(0).data());
      });
}

Type AveragePool2DGradient::infer(std::span<const Type> in) const {
  const Type g = floating_input(name, in, 1);
  const Shape pooled = pooled_shape(name, window, input);
  if (g.shape != pooled) fail_expected(name, "a gradient of shape " + to_string(pooled), to_string(g));
  return {g.dtype, input};
}

Values AveragePool2DGradient::vjp(const Node&, Value g) const { return {apply(AveragePool2D{window}, g)}; }

Kernel AveragePool2DGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (has_16_bit_floats(s)) return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  return over_images(
      geometry_of(window, input), s.inputs[0].dtype,
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::average_pool_backward(g, a, b, io.in<float>(0).data(), io.out<float>(0).data());
      },
      [](const Pool2DGeometry& g, Index a, Index b, const Buffers& io) {
        kernels::reference_average_pool_backward(g, a, b, io.in<double>(0).data(), io.out<double>(0).data());
      });
}

}  // namespace strata
