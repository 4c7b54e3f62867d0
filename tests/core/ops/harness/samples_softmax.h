#pragma once

#include "tests/core/ops/harness/samples_reduce.h"

namespace strata::harness {

/// f(index of a line's element, the whole line) for every element of lines along `axis`.
inline Array along(const Array& x, std::int64_t axis,
                   const std::function<double(const std::vector<double>&, std::size_t, const Index&)>& f) {
  const auto at = static_cast<std::size_t>(normalize_axis(axis, x.shape.rank(), "reference"));
  return built(x.shape, [&](const Index& index) {
    std::vector<double> line;
    Index i = index;
    for (i[at] = 0; i[at] < x.shape[axis]; ++i[at]) line.push_back(x.at(i));
    return f(line, static_cast<std::size_t>(index[at]), index);
  });
}

inline double log_total(const std::vector<double>& line) {
  const double top = largest_of(line);
  double total = 0;
  for (double v : line) total += std::exp(v - top);
  return top + std::log(total);
}

/// Rows short and long, every axis.
inline std::vector<std::pair<Shape, std::int64_t>> line_cases() {
  return {{{4, 10}, -1}, {{3, 5, 7}, 0}, {{3, 5, 7}, 1}, {{7}, 0}, {{2, 1}, -1}, {{3, 1003}, -1}, {{700, 31}, 1}};
}

template <class LineOp>
SampleList lines(const std::function<double(const std::vector<double>&, std::size_t)>& f) {
  SampleList list;
  for (const auto& [shape, axis] : line_cases()) {
    Sample s{.label = to_string(shape) + " axis " + std::to_string(axis),
             .op = LineOp{axis},
             .inputs = {uniform(shape, -6, 6, 5)}};
    s.reference = [f, a = axis](const Arrays& in) {
      return Arrays{
          along(in[0], a, [&](const std::vector<double>& line, std::size_t i, const Index&) { return f(line, i); })};
    };
    s.floor = 1e-2;
    s.tolerance = 4e-6;
    s.double_tolerance = 1e-12;
    list.push_back(std::move(s));
  }
  return list;
}

template <>
struct Samples<Softmax> {
  static SampleList make() {
    return lines<Softmax>(
        [](const std::vector<double>& line, std::size_t i) { return std::exp(line[i] - log_total(line)); });
  }
};
template <>
struct Samples<LogSoftmax> {
  static SampleList make() {
    SampleList list =
        lines<LogSoftmax>([](const std::vector<double>& line, std::size_t i) { return line[i] - log_total(line); });
    for (Sample& s : list) s.floor = 1;
    return list;
  }
};
template <>
struct Samples<SoftmaxGradient> {
  static SampleList make() {
    SampleList list;
    for (const auto& [shape, axis] : line_cases()) {
      Sample s{.label = to_string(shape) + " axis " + std::to_string(axis), .op = SoftmaxGradient{axis}};
      s.inputs = {uniform(shape, -1, 1, 5), uniform(shape, 0, 1, 6)};
      s.reference = [a = axis](const Arrays& in) {
        Array products = in[0];
        for (std::size_t i = 0; i < products.data.size(); ++i) products.data[i] *= in[1].data[i];
        return Arrays{along(products, a, [&](const std::vector<double>& line, std::size_t, const Index& index) {
          return in[1].at(index) * (in[0].at(index) - sum_of(line));
        })};
      };
      s.tolerance = 2e-5;  // sums of up to a thousand products that cancel
      s.double_tolerance = 1e-12;
      s.slope_tolerance = 1e-5;
      list.push_back(std::move(s));
    }
    return list;
  }
};

inline std::vector<double> row_of(const Array& x, const Index& index) {
  Index i = index;
  i.push_back(0);
  const double* first = x.data.data() + x.offset(i);
  return {first, first + x.shape.back()};
}

template <>
struct Samples<SparseSoftmaxCrossEntropy> {
  static SampleList make() {
    SampleList list;
    for (const DType dtype : {DType::i32, DType::i64, DType::u8})
      for (const Shape& shape : Shapes{{37}, {4, 5}, {}}) {
        Shape logits = shape;
        logits.push_back(10);
        list.push_back({.label = std::string(to_string(dtype)) + to_string(shape),
                        .op = SparseSoftmaxCrossEntropy{},
                        .inputs = {integers(shape, 0, 10, 1, dtype), uniform(logits, -6, 6, 2)},
                        .reference = [](const Arrays& in) {
                          return Arrays{built(in[0].shape, [&](const Index& i) {
                            const auto row = row_of(in[1], i);
                            return log_total(row) - row[static_cast<std::size_t>(in[0].at(i))];
                          })};
                        }});
      }
    return list;
  }
};
template <>
struct Samples<SparseSoftmaxCrossEntropyGradient> {
  static SampleList make() {
    Sample s{.label = "rows", .op = SparseSoftmaxCrossEntropyGradient{}};
    s.inputs = {integers({37}, 0, 10, 1), uniform({37, 10}, -6, 6, 2), uniform({37}, -1, 1, 3)};
    s.reference = [](const Arrays& in) {
      return Arrays{built(in[1].shape, [&](const Index& i) {
        const bool target = i[1] == static_cast<std::int64_t>(in[0].at({i[0]}));
        return in[2].at({i[0]}) * (std::exp(in[1].at(i) - log_total(row_of(in[1], {i[0]}))) - (target ? 1 : 0));
      })};
    };
    return {s};
  }
};
template <>
struct Samples<SoftmaxCrossEntropy> {
  static SampleList make() {
    SampleList list;
    for (const Shape& shape : Shapes{{37, 10}, {4, 5, 3}, {7}})
      list.push_back({.label = to_string(shape),
                      .op = SoftmaxCrossEntropy{},
                      .inputs = {uniform(shape, 0, 1, 1), uniform(shape, -6, 6, 2)},
                      .reference = [](const Arrays& in) {
                        const Shape& s = in[0].shape;
                        return Arrays{built(s.slice(0, s.rank() - 1), [&](const Index& i) {
                          const auto z = row_of(in[0], i), x = row_of(in[1], i);
                          double loss = 0;
                          for (std::size_t c = 0; c < x.size(); ++c) loss -= z[c] * (x[c] - log_total(x));
                          return loss;
                        })};
                      }});
    return list;
  }
};
template <>
struct Samples<SoftmaxCrossEntropyGradient> {
  static SampleList make() {
    Sample s{.label = "rows", .op = SoftmaxCrossEntropyGradient{}};
    s.inputs = {uniform({37, 10}, 0, 1, 1), uniform({37, 10}, -6, 6, 2), uniform({37}, -1, 1, 3)};
    s.reference = [](const Arrays& in) {
      return Arrays{built(in[1].shape, [&](const Index& i) {
        const auto z = row_of(in[0], {i[0]}), x = row_of(in[1], {i[0]});
        return in[2].at({i[0]}) * (std::exp(in[1].at(i) - log_total(x)) * sum_of(z) - in[0].at(i));
      })};
    };
    s.tolerance = 5e-6;
    return {s};
  }
};

}  // namespace strata::harness
