#include "core/compile/cost.h"

#include <algorithm>

#include "core/compile/fused.h"
#include "core/ops/conv3d.h"
#include "core/ops/matmul.h"

namespace strata {

namespace {
double elements(const Type& t) { return static_cast<double>(t.shape.elements()); }

/// Every element of a convolution's result adds as many products as a kernel has elements for each of its filters.
double convolution(const Type& result, const Shape& kernel) {
  return 2 * elements(result) * static_cast<double>(kernel.elements()) /
         static_cast<double>(std::max<std::int64_t>(kernel.back(), 1));
}

double flops_of(const Node& node) {
  const Op& op = node.op();
  if (const double flops = product_flops(node); flops > 0) return flops;
  if (const auto* fused = op.as<Fused>())
    return static_cast<double>(fused->program.code.size()) * static_cast<double>(fused->program.shape.elements());
  double most = 0;
  for (const Value& v : node.inputs()) most = std::max(most, elements(v.type()));
  for (const Type& t : node.types()) most = std::max(most, elements(t));
  return most;
}
}  // namespace

double product_flops(const Node& node) {
  const Op& op = node.op();
  const auto in = [&](std::size_t i) -> const Type& { return node.input(i).type(); };
  if (const auto* product = op.as<MatMul>()) {
    const Shape& a = in(0).shape;
    return 2 * elements(node.types()[0]) * static_cast<double>(product->transpose_a ? a[a.rank() - 2] : a.back());
  }
  if (op.as<Conv2D>() || op.as<Conv3D>()) return convolution(node.types()[0], in(1).shape);
  if (op.as<Conv2DDataGradient>() || op.as<Conv3DDataGradient>()) return convolution(in(0), in(1).shape);
  if (op.as<Conv2DWeightGradient>() || op.as<Conv3DWeightGradient>()) return convolution(in(1), node.types()[0].shape);
  return 0;
}

double Cost::time() const {
  constexpr double flops_per_byte = 10;
  return std::max(bytes, flops / flops_per_byte);
}

Cost estimated_cost(const Node& node) {
  Cost cost{flops_of(node), 0};
  for (const Value& v : node.inputs()) cost.bytes += static_cast<double>(v.type().bytes());
  for (const Type& t : node.types()) cost.bytes += static_cast<double>(t.bytes());
  return cost;
}

}  // namespace strata
