#pragma once

#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

using Pairwise = double (*)(double, double);

inline Reference pairwise(Pairwise f) {
  return elementwise([f](const std::vector<double>& x) { return f(x[0], x[1]); });
}

struct BinaryRanges {
  double low = -3, high = 3;                        ///< of the first operand
  double low2 = -3, high2 = 3;                      ///< of the second
  std::int64_t integers_from = 0, integers_to = 0;  ///< of the second, when there are integer samples
};

/// Equal shapes, broadcasting of either side and of both, a scalar, nothing, and enough for three threads.
inline SampleList binary(const Op& op, Pairwise f, BinaryRanges r = {}) {
  SampleList list;
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{4, 5}, {4, 5}}, {{4, 5}, {5}},          {{3, 1, 5}, {4, 1}},   {{}, {2, 3}},
      {{0, 3}, {3}},    {{2, 3, 4}, {2, 1, 4}}, {{3, 16411}, {16411}}, {{3, 16411}, {3, 1}}};
  for (const auto& [a, b] : shapes) {
    Sample s{
        .op = op, .inputs = {uniform(a, r.low, r.high, 11), uniform(b, r.low2, r.high2, 12)}, .reference = pairwise(f)};
    s.label = to_string(a) + " and " + to_string(b);
    s.double_tolerance = 1e-12;
    s.floor = 1e-2;
    s.slope_tolerance = 1e-5;
    list.push_back(std::move(s));
  }
  if (r.integers_from < r.integers_to)
    for (const DType dtype : {DType::i32, DType::i64})
      list.push_back(
          {.label = std::string(to_string(dtype)),
           .op = op,
           .inputs = {integers({4, 9}, -9, 10, 5, dtype), integers({9}, r.integers_from, r.integers_to, 6, dtype)},
           .reference = pairwise(f)});
  return list;
}

/// Small integers, so that equal operands occur, as floats, as integers and as booleans.
inline SampleList comparison(const Op& op, Pairwise f) {
  SampleList list;
  for (const DType dtype : {DType::f64, DType::i32, DType::u8, DType::boolean}) {
    const std::int64_t top = dtype == DType::boolean ? 2 : 4;
    list.push_back({.label = std::string(to_string(dtype)),
                    .op = op,
                    .inputs = {integers({3, 1, 7}, 0, top, 1, dtype), integers({5, 1}, 0, top, 2, dtype)},
                    .reference = pairwise(f)});
  }
  list.push_back({.label = "NaN", .op = op, .reference = pairwise(f)});
  list.back().inputs = {Tensor::from<double>({3}, {std::nan(""), 1, 0}),
                        Tensor::from<double>({3}, {1, std::nan(""), 0})};
  return list;
}

template <>
struct Samples<Add> {
  static SampleList make() {
    return binary(Add{}, [](double a, double b) { return a + b; }, {.integers_from = -5, .integers_to = 6});
  }
};
template <>
struct Samples<Subtract> {
  static SampleList make() {
    return binary(Subtract{}, [](double a, double b) { return a - b; }, {.integers_from = -5, .integers_to = 6});
  }
};
template <>
struct Samples<Multiply> {
  static SampleList make() {
    return binary(Multiply{}, [](double a, double b) { return a * b; }, {.integers_from = -5, .integers_to = 6});
  }
};
template <>
struct Samples<Divide> {
  static SampleList make() {
    return binary(Divide{}, [](double a, double b) { return a / b; }, {.low2 = 0.5, .high2 = 4});
  }
};
template <>
struct Samples<Power> {
  static SampleList make() {
    return binary(Power{}, [](double a, double b) { return std::pow(a, b); },
                  {.low = 0.2, .high = 3, .integers_from = 0, .integers_to = 6});
  }
};
template <>
struct Samples<Maximum> {
  static SampleList make() {
    return binary(Maximum{}, [](double a, double b) { return a > b ? a : b; }, {.integers_from = -5, .integers_to = 6});
  }
};
template <>
struct Samples<Minimum> {
  static SampleList make() {
    return binary(Minimum{}, [](double a, double b) { return a < b ? a : b; }, {.integers_from = -5, .integers_to = 6});
  }
};
template <>
struct Samples<FloorDivide> {
  static SampleList make() {
    SampleList list = binary(FloorDivide{}, [](double a, double b) { return std::floor(a / b); },
                             {.low = -9, .high = 9, .low2 = 0.3, .high2 = 2, .integers_from = 1, .integers_to = 6});
    list.push_back({.label = "negative",
                    .op = FloorDivide{},
                    .inputs = {integers({9}, -9, 10, 1), integers({9}, -5, 0, 2)},
                    .reference = pairwise([](double a, double b) { return std::floor(a / b); })});
    for (Sample& s : list) s.step = 1e-7;  // between the jumps
    return list;
  }
};
template <>
struct Samples<Mod> {
  static SampleList make() {
    SampleList list = binary(Mod{}, [](double a, double b) { return a - b * std::floor(a / b); },
                             {.low = -9, .high = 9, .low2 = 0.3, .high2 = 2, .integers_from = 1, .integers_to = 6});
    for (Sample& s : list) {
      s.floor = 1;  // the reference cancels
      s.step = 1e-7;
      s.slope_tolerance = 1e-4;
    }
    return list;
  }
};
template <>
struct Samples<Equal> {
  static SampleList make() {
    return comparison(Equal{}, [](double a, double b) { return a == b ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<NotEqual> {
  static SampleList make() {
    return comparison(NotEqual{}, [](double a, double b) { return a != b ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<Less> {
  static SampleList make() {
    return comparison(Less{}, [](double a, double b) { return a < b ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<LessEqual> {
  static SampleList make() {
    return comparison(LessEqual{}, [](double a, double b) { return a <= b ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<Greater> {
  static SampleList make() {
    return comparison(Greater{}, [](double a, double b) { return a > b ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<GreaterEqual> {
  static SampleList make() {
    return comparison(GreaterEqual{}, [](double a, double b) { return a >= b ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<LogicalAnd> {
  static SampleList make() {
    return comparison(LogicalAnd{}, [](double a, double b) { return a != 0 && b != 0 ? 1.0 : 0.0; });
  }
};
template <>
struct Samples<LogicalOr> {
  static SampleList make() {
    return comparison(LogicalOr{}, [](double a, double b) { return a != 0 || b != 0 ? 1.0 : 0.0; });
  }
};

template <>
struct Samples<Where> {
  static SampleList make() {
    SampleList list;
    const std::vector<Shapes> shapes = {
        {{4, 5}, {4, 5}, {4, 5}}, {{4, 1}, {5}, {}}, {{}, {3}, {2, 1}}, {{3, 1}, {3, 16411}, {16411}}};
    for (const Shapes& s : shapes)
      list.push_back(
          {.label = to_string(s[0]) + to_string(s[1]) + to_string(s[2]),
           .op = Where{},
           .inputs = {integers(s[0], 0, 2, 1, DType::boolean), uniform(s[1], -3, 3, 2), uniform(s[2], -3, 3, 3)},
           .reference = elementwise([](const std::vector<double>& x) { return x[0] != 0 ? x[1] : x[2]; }),
           .slope_tolerance = 1e-5});
    return list;
  }
};
template <>
struct Samples<ReluGradient> {
  static SampleList make() {
    return binary(ReluGradient{}, [](double g, double y) { return y > 0 ? g : 0; });
  }
};
template <>
struct Samples<SigmoidCrossEntropy> {
  static SampleList make() {
    SampleList list = binary(SigmoidCrossEntropy{},
                             [](double z, double x) {
                               const double p = 1 / (1 + std::exp(-x));
                               return -z * std::log(p) - (1 - z) * std::log(1 - p);
                             },
                             {.low = 0, .high = 1, .low2 = -5, .high2 = 5});
    for (Sample& s : list) s.floor = 5;  // a difference of numbers up to 5
    return list;
  }
};
template <>
struct Samples<Accumulate> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : Shapes{{3, 5}, {}, {0}, {3, 16411}})
      list.push_back({.label = to_string(shape),
                      .op = Accumulate{},
                      .inputs = {uniform(shape, -3, 3, 1), uniform(shape, -3, 3, 2)},
                      .reference = pairwise([](double a, double b) { return a + b; }),
                      .slope_tolerance = 1e-5});
    return list;
  }
};

}  // namespace strata::harness
