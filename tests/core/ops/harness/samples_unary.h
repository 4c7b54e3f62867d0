#pragma once

#include <cmath>

#include "core/ops/all_ops.h"
#include "tests/core/ops/harness/harness.h"

namespace strata::harness {

/// f of every element of inputs that broadcast.
inline Reference elementwise(std::function<double(const std::vector<double>&)> f) {
  return [f = std::move(f)](const Arrays& in) {
    Shape shape;
    for (const Array& a : in) shape = broadcast(shape, a.shape, "reference");
    return Arrays{built(shape, [&](const Index& index) {
      std::vector<double> x;
      for (const Array& a : in) x.push_back(a.broadcast_at(index));
      return f(x);
    })};
  };
}
inline Reference elementwise(double (*f)(double)) {
  return elementwise([f](const std::vector<double>& x) { return f(x[0]); });
}

/// Odd shapes, a scalar, nothing, and enough for three threads. The relative error is held down to 1e-2.
inline SampleList unary(const Op& op, double (*f)(double), double low, double high, double tolerance = 2e-6) {
  SampleList list;
  for (const Shape& shape : Shapes{{3, 5, 7}, {}, {0, 4}, {3, 16411}}) {
    Sample s{.op = op, .inputs = {uniform(shape, low, high, 3)}, .reference = elementwise(f)};
    s.label = to_string(shape) + " from " + std::to_string(low) + " to " + std::to_string(high);
    s.tolerance = tolerance;
    s.double_tolerance = 1e-12;
    s.floor = 1e-2;
    list.push_back(std::move(s));
  }
  return list;
}

/// And integers, whose results are exact.
inline SampleList numeric(const Op& op, double (*f)(double), double low, double high) {
  SampleList list = unary(op, f, low, high);
  for (const DType dtype : {DType::i32, DType::i64})
    list.push_back({.label = std::string(to_string(dtype)),
                    .op = op,
                    .inputs = {integers({4, 9}, -9, 10, 5, dtype)},
                    .reference = elementwise(f)});
  return list;
}

/// Predicates also get what only floats have.
inline SampleList predicate(const Op& op, double (*f)(double)) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor special = Tensor::from<double>({7}, {0.0, -0.0, 1.5, inf, -inf, std::nan(""), 1e-30});
  return {{.label = "special", .op = op, .inputs = {special}, .reference = elementwise(f)},
          {.label = "i32", .op = op, .inputs = {integers({5, 3}, -1, 2, 7)}, .reference = elementwise(f)},
          {.label = "bool", .op = op, .inputs = {integers({5}, 0, 2, 7, DType::boolean)}, .reference = elementwise(f)}};
}

template <>
struct Samples<Neg> {
  static SampleList make() {
    return numeric(
        Neg{}, [](double x) { return -x; }, -3, 3);
  }
};
template <>
struct Samples<Abs> {
  static SampleList make() {
    return numeric(
        Abs{}, [](double x) { return std::fabs(x); }, -3, 3);
  }
};
template <>
struct Samples<Square> {
  static SampleList make() {
    return numeric(
        Square{}, [](double x) { return x * x; }, -3, 3);
  }
};
template <>
struct Samples<Relu> {
  static SampleList make() {
    return numeric(
        Relu{}, [](double x) { return x > 0 ? x : 0; }, -3, 3);
  }
};
template <>
struct Samples<Sign> {
  static SampleList make() {
    return numeric(
        Sign{}, [](double x) { return static_cast<double>(x > 0) - static_cast<double>(x < 0); }, -3, 3);
  }
};
template <>
struct Samples<Floor> {
  static SampleList make() {
    return numeric(
        Floor{}, [](double x) { return std::floor(x); }, -9, 9);
  }
};
template <>
struct Samples<Ceil> {
  static SampleList make() {
    return numeric(
        Ceil{}, [](double x) { return std::ceil(x); }, -9, 9);
  }
};
template <>
struct Samples<Round> {
  static SampleList make() {
    SampleList list = numeric(
        Round{}, [](double x) { return std::nearbyint(x); }, -9, 9);
    Sample ties{
        .label = "ties", .op = Round{}, .inputs = {Tensor::from<double>({6}, {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5})}};
    ties.reference = elementwise([](double x) { return std::nearbyint(x); });
    ties.slope = Slope::none;
    list.push_back(ties);
    return list;
  }
};
template <>
struct Samples<Exp> {
  static SampleList make() {
    return unary(
        Exp{}, [](double x) { return std::exp(x); }, -8, 8);
  }
};
template <>
struct Samples<Expm1> {
  static SampleList make() {
    return unary(
        Expm1{}, [](double x) { return std::expm1(x); }, -5, 5);
  }
};
template <>
struct Samples<Log> {
  static SampleList make() {
    return unary(
        Log{}, [](double x) { return std::log(x); }, 0.1, 50);
  }
};
template <>
struct Samples<Log1p> {
  static SampleList make() {
    return unary(
        Log1p{}, [](double x) { return std::log1p(x); }, -0.9, 9);
  }
};
template <>
struct Samples<Sqrt> {
  static SampleList make() {
    return unary(
        Sqrt{}, [](double x) { return std::sqrt(x); }, 0.1, 50);
  }
};
template <>
struct Samples<Rsqrt> {
  static SampleList make() {
    return unary(
        Rsqrt{}, [](double x) { return 1 / std::sqrt(x); }, 0.1, 50);
  }
};
template <>
struct Samples<Reciprocal> {
  static SampleList make() {
    return unary(
        Reciprocal{}, [](double x) { return 1 / x; }, 0.2, 9);
  }
};
template <>
struct Samples<Sin> {
  static SampleList make() {
    return unary(
        Sin{}, [](double x) { return std::sin(x); }, -20, 20, 2e-5);
  }
};
template <>
struct Samples<Cos> {
  static SampleList make() {
    return unary(
        Cos{}, [](double x) { return std::cos(x); }, -20, 20, 2e-5);
  }
};
template <>
struct Samples<Tanh> {
  static SampleList make() {
    return unary(
        Tanh{}, [](double x) { return std::tanh(x); }, -6, 6);
  }
};
template <>
struct Samples<Sigmoid> {
  static SampleList make() {
    return unary(
        Sigmoid{}, [](double x) { return 1 / (1 + std::exp(-x)); }, -12, 12);
  }
};
template <>
struct Samples<Erf> {
  static SampleList make() {
    return unary(
        Erf{}, [](double x) { return std::erf(x); }, -4, 4);
  }
};
template <>
struct Samples<Softplus> {
  static SampleList make() {
    return unary(
        Softplus{}, [](double x) { return std::log1p(std::exp(x)); }, -15, 15);
  }
};
template <>
struct Samples<IsNan> {
  static SampleList make() {
    return predicate(IsNan{}, [](double x) { return std::isnan(x) ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<IsFinite> {
  static SampleList make() {
    return predicate(IsFinite{}, [](double x) { return std::isfinite(x) ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<LogicalNot> {
  static SampleList make() {
    return predicate(LogicalNot{}, [](double x) { return x == 0 ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<Clip> {
  static SampleList make() {
    SampleList list = unary(
        Clip{-1, 2}, [](double x) { return std::fmin(std::fmax(x, -1), 2); }, -3, 3);
    list.push_back({.label = "i32",
                    .op = Clip{-1, 2},
                    .inputs = {integers({9}, -5, 6, 2)},
                    .reference = elementwise([](double x) { return std::fmin(std::fmax(x, -1), 2); })});
    return list;
  }
};

template <>
struct Samples<Cast> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Tensor& x, DType to, double (*f)(double), Slope slope) {
      Sample s{.op = Cast{to},
               .inputs = {x},
               .reference = elementwise(f),
               .tolerance = 0,
               .double_tolerance = 0,
               .as_given = true};
      s.label = std::string(to_string(x.dtype())) + " to " + std::string(to_string(to));
      s.slope = slope;
      s.step = 1e-2;  // of a straight line; the rounding to f32 asks for a long one
      s.slope_tolerance = 1e-4;
      list.push_back(std::move(s));
    };
    const auto itself = [](double x) { return x; };
    const Tensor x = uniform({3, 7}, -9, 9, 1);
    add(
        x, DType::f32, [](double v) { return static_cast<double>(static_cast<float>(v)); }, Slope::checked);
    add(to_dtype(x, DType::f32), DType::f64, itself, Slope::checked);
    add(
        x, DType::i32, [](double v) { return std::trunc(v); }, Slope::none);
    add(
        x, DType::i64, [](double v) { return std::trunc(v); }, Slope::none);
    add(
        uniform({9}, 0, 250, 1), DType::u8, [](double v) { return std::trunc(v); }, Slope::none);
    add(
        integers({9}, -2, 3, 1), DType::boolean, [](double v) { return v != 0 ? 1.0 : 0.0; }, Slope::none);
    add(integers({9}, -2, 3, 1), DType::f32, itself, Slope::none);
    add(integers({9}, -2, 3, 1), DType::f64, itself, Slope::none);
    add(integers({9}, 0, 2, 1, DType::boolean), DType::i64, itself, Slope::none);
    add(integers({9}, 0, 99, 1, DType::u8), DType::bf16, itself, Slope::none);
    add(integers({9}, 0, 99, 1, DType::u8), DType::f16, itself, Slope::none);
    return list;
  }
};

}  // namespace strata::harness
