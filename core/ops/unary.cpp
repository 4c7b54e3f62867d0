#include "core/ops/unary.h"

#include <numbers>

#include "core/kernels/math_functions.h"
#include "core/ops/binary.h"
#include "core/ops/elementwise_tiles.h"
#include "core/ops/reduce.h"

namespace strata {

namespace {
// Integer arithmetic wraps around.
template <std::integral T>
T wrapping_neg(T x) {
  return static_cast<T>(std::make_unsigned_t<T>{0} - static_cast<std::make_unsigned_t<T>>(x));
}

struct NegF {
  template <class T>
  static T f(const Neg&, T x) {
    if constexpr (std::integral<T>)
      return wrapping_neg(x);
    else
      return -x;
  }
};
struct AbsF {
  template <class T>
  static T f(const Abs&, T x) {
    if constexpr (std::floating_point<T>)
      return math::abs(x);
    else if constexpr (std::unsigned_integral<T>)
      return x;
    else
      return x < 0 ? wrapping_neg(x) : x;
  }
};
struct SquareF {
  template <class T>
  static T f(const Square&, T x) {
    if constexpr (std::integral<T>) {
      using Wide = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
      return static_cast<T>(static_cast<Wide>(x) * static_cast<Wide>(x));
    } else {
      return x * x;
    }
  }
};
struct ReluF {
  template <class T>
  static T f(const Relu&, T x) {
    return x < T{0} ? T{0} : x;  // written so that NaN passes
  }
};
struct ReluGradientF {
  template <class T>
  static T f(const ReluGradient&, T g, T y) {
    return y > T{0} ? g : T{0};
  }
};
struct SignF {
  template <class T>
  static T f(const Sign&, T x) {
    if constexpr (std::floating_point<T>)
      return math::sign(x);
    else
      return static_cast<T>((x > 0) - (x < 0));
  }
};
struct FloorF {
  template <class T>
  static T f(const Floor&, T x) {
    if constexpr (std::floating_point<T>) x = math::floor(x);
    return x;
  }
};
struct CeilF {
  template <class T>
  static T f(const Ceil&, T x) {
    if constexpr (std::floating_point<T>) x = math::ceil(x);
    return x;
  }
};
struct RoundF {
  template <class T>
  static T f(const Round&, T x) {
    if constexpr (std::floating_point<T>) x = math::round_half_even(x);
    return x;
  }
};
struct ExpF {
  template <class T>
  static T f(const Exp&, T x) { return math::exp(x); }
};
struct Expm1F {
  template <class T>
  static T f(const Expm1&, T x) { return math::expm1(x); }
};
struct LogF {
  template <class T>
  static T f(const Log&, T x) { return math::log(x); }
};
struct Log1pF {
  template <class T>
  static T f(const Log1p&, T x) { return math::log1p(x); }
};
struct SqrtF {
  template <class T>
  static T f(const Sqrt&, T x) { return math::sqrt(x); }
};
struct RsqrtF {
  template <class T>
  static T f(const Rsqrt&, T x) { return math::rsqrt(x); }
};
struct ReciprocalF {
  template <class T>
  static T f(const Reciprocal&, T x) { return T{1} / x; }
};
struct SinF {
  template <class T>
  static T f(const Sin&, T x) { return math::sin(x); }
};
struct CosF {
  template <class T>
  static T f(const Cos&, T x) { return math::cos(x); }
};
struct TanhF {
  template <class T>
  static T f(const Tanh&, T x) { return math::tanh(x); }
};
struct SigmoidF {
  template <class T>
  static T f(const Sigmoid&, T x) { return math::sigmoid(x); }
};
struct ErfF {
  template <class T>
  static T f(const Erf&, T x) { return math::erf(x); }
};
struct SoftplusF {
  template <class T>
  static T f(const Softplus&, T x) { return math::softplus(x); }
};
struct IsNanF {
  template <class T>
  static bool f(const IsNan&, T x) { return x != x; }
};
struct IsFiniteF {
  template <class T>
  static bool f(const IsFinite&, T x) { return x - x == T{0}; }
};
struct LogicalNotF {
  template <class T>
  static bool f(const LogicalNot&, T x) { return x == T{0}; }
};
}  // namespace

Tile Neg::tile(std::span<const DType> in) const { return tiles::numeric_unary<NegF, Neg>(in[0]); }
Tile Abs::tile(std::span<const DType> in) const { return tiles::numeric_unary<AbsF, Abs>(in[0]); }
Tile Square::tile(std::span<const DType> in) const { return tiles::numeric_unary<SquareF, Square>(in[0]); }
Tile Relu::tile(std::span<const DType> in) const { return tiles::numeric_unary<ReluF, Relu>(in[0]); }
Tile ReluGradient::tile(std::span<const DType> in) const {
  return tiles::floating_binary<ReluGradientF, ReluGradient>(in[0]);
}
Tile Sign::tile(std::span<const DType> in) const { return tiles::numeric_unary<SignF, Sign>(in[0]); }
Tile Floor::tile(std::span<const DType> in) const { return tiles::numeric_unary<FloorF, Floor>(in[0]); }
Tile Ceil::tile(std::span<const DType> in) const { return tiles::numeric_unary<CeilF, Ceil>(in[0]); }
Tile Round::tile(std::span<const DType> in) const { return tiles::numeric_unary<RoundF, Round>(in[0]); }
Tile Exp::tile(std::span<const DType> in) const { return tiles::floating_unary<ExpF, Exp>(in[0]); }
Tile Expm1::tile(std::span<const DType> in) const { return tiles::floating_unary<Expm1F, Expm1>(in[0]); }
Tile Log::tile(std::span<const DType> in) const { return tiles::floating_unary<LogF, Log>(in[0]); }
Tile Log1p::tile(std::span<const DType> in) const { return tiles::floating_unary<Log1pF, Log1p>(in[0]); }
Tile Sqrt::tile(std::span<const DType> in) const { return tiles::floating_unary<SqrtF, Sqrt>(in[0]); }
Tile Rsqrt::tile(std::span<const DType> in) const { return tiles::floating_unary<RsqrtF, Rsqrt>(in[0]); }
Tile Reciprocal::tile(std::span<const DType> in) const { return tiles::floating_unary<ReciprocalF, Reciprocal>(in[0]); }
Tile Sin::tile(std::span<const DType> in) const { return tiles::floating_unary<SinF, Sin>(in[0]); }
Tile Cos::tile(std::span<const DType> in) const { return tiles::floating_unary<CosF, Cos>(in[0]); }
Tile Tanh::tile(std::span<const DType> in) const { return tiles::floating_unary<TanhF, Tanh>(in[0]); }
Tile Sigmoid::tile(std::span<const DType> in) const { return tiles::floating_unary<SigmoidF, Sigmoid>(in[0]); }
Tile Erf::tile(std::span<const DType> in) const { return tiles::floating_unary<ErfF, Erf>(in[0]); }
Tile Softplus::tile(std::span<const DType> in) const { return tiles::floating_unary<SoftplusF, Softplus>(in[0]); }
Tile IsNan::tile(std::span<const DType> in) const { return tiles::predicate<IsNanF, IsNan>(in[0]); }
Tile IsFinite::tile(std::span<const DType> in) const { return tiles::predicate<IsFiniteF, IsFinite>(in[0]); }
Tile LogicalNot::tile(std::span<const DType> in) const { return tiles::predicate<LogicalNotF, LogicalNot>(in[0]); }

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
