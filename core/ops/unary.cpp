#include "core/ops/unary.h"

#include <numbers>

#include "core/kernels/elementwise_functions.h"
#include "core/ops/binary.h"
#include "core/ops/elementwise_tiles.h"
#include "core/ops/reduce.h"

namespace strata {

Tile Neg::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Neg, Neg>(in[0]); }
Tile Abs::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Abs, Abs>(in[0]); }
Tile Square::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Square, Square>(in[0]); }
Tile Relu::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Relu, Relu>(in[0]); }
Tile ReluGradient::tile(std::span<const DType> in) const {
  return tiles::floating_binary<fn::ReluGradient, ReluGradient>(in[0]);
}
Tile Sign::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Sign, Sign>(in[0]); }
Tile Floor::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Floor, Floor>(in[0]); }
Tile Ceil::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Ceil, Ceil>(in[0]); }
Tile Round::tile(std::span<const DType> in) const { return tiles::numeric_unary<fn::Round, Round>(in[0]); }
Tile Exp::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Exp, Exp>(in[0]); }
Tile Expm1::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Expm1, Expm1>(in[0]); }
Tile Log::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Log, Log>(in[0]); }
Tile Log1p::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Log1p, Log1p>(in[0]); }
Tile Sqrt::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Sqrt, Sqrt>(in[0]); }
Tile Rsqrt::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Rsqrt, Rsqrt>(in[0]); }
Tile Reciprocal::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Reciprocal, Reciprocal>(in[0]); }
Tile Sin::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Sin, Sin>(in[0]); }
Tile Cos::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Cos, Cos>(in[0]); }
Tile Tanh::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Tanh, Tanh>(in[0]); }
Tile Sigmoid::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Sigmoid, Sigmoid>(in[0]); }
Tile Erf::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Erf, Erf>(in[0]); }
Tile Softplus::tile(std::span<const DType> in) const { return tiles::floating_unary<fn::Softplus, Softplus>(in[0]); }
Tile IsNan::tile(std::span<const DType> in) const { return tiles::predicate<fn::IsNan, IsNan>(in[0]); }
Tile IsFinite::tile(std::span<const DType> in) const { return tiles::predicate<fn::IsFinite, IsFinite>(in[0]); }
Tile LogicalNot::tile(std::span<const DType> in) const { return tiles::predicate<fn::LogicalNot, LogicalNot>(in[0]); }

Values Neg::vjp(const Node&, Value g) const { return {-g}; }
Values Abs::vjp(const Node& node, Value g) const { return {g * sign(node.input(0))}; }
Values Square::vjp(const Node& node, Value g) const { return {2.0 * g * node.input(0)}; }
Values Relu::vjp(const Node& node, Value g) const { return {apply(ReluGradient{}, g, node.output())}; }
Values ReluGradient::vjp(const Node& node, Value g) const {
  return {sum_to_shape(apply(ReluGradient{}, g, node.input(1)), node.input(0).shape()), {}};
}
Values Exp::vjp(const Node& node, Value g) const { return {g * node.output()}; }
Values Expm1::vjp(const Node& node, Value g) const { return {g * (node.output() + 1.0)}; }
Values Log::vjp(const Node& node, Value g) const { return {g / node.input(0)}; }
Values Log1p::vjp(const Node& node, Value g) const { return {g / (1.0 + node.input(0))}; }
Values Sqrt::vjp(const Node& node, Value g) const { return {0.5 * g / node.output()}; }
Values Rsqrt::vjp(const Node& node, Value g) const {
  const Value y = node.output();
  return {-0.5 * g * y * square(y)};
}
Values Reciprocal::vjp(const Node& node, Value g) const { return {-(g * square(node.output()))}; }
Values Sin::vjp(const Node& node, Value g) const { return {g * cos(node.input(0))}; }
Values Cos::vjp(const Node& node, Value g) const { return {-(g * sin(node.input(0)))}; }
Values Tanh::vjp(const Node& node, Value g) const { return {g * (1.0 - square(node.output()))}; }
Values Sigmoid::vjp(const Node& node, Value g) const {
  const Value y = node.output();
  return {g * y * (1.0 - y)};
}
Values Erf::vjp(const Node& node, Value g) const {
  return {2.0 * std::numbers::inv_sqrtpi * g * exp(-square(node.input(0)))};
}
// The derivative, sigmoid(x), is 1 - exp(-y).
Values Softplus::vjp(const Node& node, Value g) const { return {-(g * expm1(-node.output()))}; }

}  // namespace strata
