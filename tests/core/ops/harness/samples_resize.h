#pragma once

#include <numbers>

#include "tests/core/ops/harness/samples_pool.h"

namespace strata::harness {

struct ResizeCase {
  Shape x;
  std::int64_t height, width;
  Interpolation interpolation;
  bool antialias;
};

/// Every kind larger, smaller and both, one pixel from and to, more channels than a register takes, one axis and no
/// axis that stays.
inline std::vector<ResizeCase> resize_cases() {
  std::vector<ResizeCase> cases;
  using enum Interpolation;
  for (const Interpolation kind : {nearest, bilinear, bicubic, area, lanczos3, lanczos5, gaussian, mitchellcubic})
    for (const bool antialias : {false, true}) {
      if (antialias && (kind == nearest || kind == area)) continue;
      cases.push_back({{2, 5, 4, 3}, 7, 9, kind, antialias});
      cases.push_back({{1, 11, 13, 2}, 3, 4, kind, antialias});
      cases.push_back({{2, 6, 3, 1}, 2, 8, kind, antialias});
    }
  cases.push_back({{2, 1, 1, 3}, 3, 2, bilinear, false});
  cases.push_back({{1, 9, 7, 4}, 1, 1, bilinear, true});
  cases.push_back({{1, 4, 5, 37}, 6, 3, bicubic, false});
  cases.push_back({{2, 4, 5, 3}, 4, 8, gaussian, false});
  cases.push_back({{1, 4, 5, 3}, 4, 5, lanczos3, false});
  cases.push_back({{3, 8, 9, 3}, 60, 70, bilinear, false});  // rows for several threads
  cases.push_back({{0, 4, 5, 3}, 3, 3, bilinear, false});
  return cases;
}

inline std::string resize_label(const ResizeCase& c) {
  return to_string(c.x) + " to " + std::to_string(c.height) + "x" + std::to_string(c.width) + " " +
         std::string(to_string(c.interpolation)) + (c.antialias ? " antialiased" : "");
}

/// What a pixel weighs at this distance, by the definitions of the filters.
inline double resize_filter(Interpolation kind, double distance) {
  const double x = std::abs(distance);
  const auto cubic = [x](double b, double c) {  // Mitchell and Netravali's family
    if (x < 1) return ((12 - 9 * b - 6 * c) * x * x * x + (-18 + 12 * b + 6 * c) * x * x + 6 - 2 * b) / 6;
    if (x >= 2) return 0.0;
    return ((-b - 6 * c) * x * x * x + (6 * b + 30 * c) * x * x + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6;
  };
  const auto sinc = [](double v) { return v == 0 ? 1 : std::sin(std::numbers::pi * v) / (std::numbers::pi * v); };
  switch (kind) {
    case Interpolation::bilinear:
      return std::max(0.0, 1 - x);
    case Interpolation::bicubic:
      return cubic(0, 0.5);
    case Interpolation::mitchellcubic:
      return cubic(1.0 / 3, 1.0 / 3);
    case Interpolation::gaussian:
      return x < 1.5 ? std::exp(-x * x / (2 * 0.5 * 0.5)) : 0;
    case Interpolation::lanczos3:
      return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    default:
      return x < 5 ? sinc(x) * sinc(x / 5) : 0;
  }
}

/// The weights of all pixels along an axis in position i.
inline std::vector<double> resize_weights(const ResizeCase& c, std::int64_t given, std::int64_t size, std::int64_t i) {
  std::vector<double> weights(static_cast<std::size_t>(given));
  const double step = static_cast<double>(given) / static_cast<double>(size), begin = static_cast<double>(i) * step;
  double total = 0;
  for (std::int64_t p = 0; p < given; ++p) {
    const auto pixel = static_cast<double>(p);
    double& w = weights[static_cast<std::size_t>(p)];
    if (c.x[1] == c.height && c.x[2] == c.width)
      w = p == i ? 1 : 0;
    else if (c.interpolation == Interpolation::nearest)
      w = begin + step / 2 >= pixel && begin + step / 2 < pixel + 1 ? 1 : 0;
    else if (c.interpolation == Interpolation::area)
      w = std::max(0.0, std::min(begin + step, pixel + 1) - std::max(begin, pixel));
    else
      w = resize_filter(c.interpolation, (pixel + 0.5 - begin - step / 2) / (c.antialias ? std::max(step, 1.0) : 1.0));
    total += w;
  }
  for (double& w : weights) w /= total;
  return weights;
}

/// f(index of the result, index of the image, weight) for all weights that count.
inline void for_resize_weights(const ResizeCase& c, const std::function<void(const Index&, const Index&, double)>& f) {
  std::vector<std::vector<double>> rows, columns;
  for (std::int64_t i = 0; i < c.height; ++i) rows.push_back(resize_weights(c, c.x[1], c.height, i));
  for (std::int64_t j = 0; j < c.width; ++j) columns.push_back(resize_weights(c, c.x[2], c.width, j));
  for_each_index({c.x[0], c.height, c.width, c.x[3]}, [&](const Index& to) {
    for (std::int64_t i = 0; i < c.x[1]; ++i) {
      const double row = rows[static_cast<std::size_t>(to[1])][static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; row != 0 && j < c.x[2]; ++j)
        if (const double weight = row * columns[static_cast<std::size_t>(to[2])][static_cast<std::size_t>(j)];
            weight != 0)
          f(to, {to[0], i, j, to[3]}, weight);
    }
  });
}

inline Array zeros(const Shape& shape) {
  return {shape, std::vector<double>(static_cast<std::size_t>(shape.elements()))};
}

inline Array resized(const ResizeCase& c, const Array& x) {
  Array y = zeros({c.x[0], c.height, c.width, c.x[3]});
  for_resize_weights(c, [&](const Index& to, const Index& from, double weight) { y.at(to) += weight * x.at(from); });
  return y;
}

inline Array resize_gradient(const ResizeCase& c, const Array& g) {
  Array dx = zeros(c.x);
  for_resize_weights(c, [&](const Index& to, const Index& from, double weight) { dx.at(from) += weight * g.at(to); });
  return dx;
}

template <>
struct Samples<ResizeImages> {
  static SampleList make() {
    SampleList list;
    for (const ResizeCase& c : resize_cases())
      list.push_back({.label = resize_label(c),
                      .op = ResizeImages{c.height, c.width, c.interpolation, c.antialias},
                      .inputs = {uniform(c.x, -3, 3, 1)},
                      .reference = [c](const Arrays& in) { return Arrays{resized(c, in[0])}; },
                      .double_tolerance = 1e-12,
                      .same_for_all_threads = true});
    for (const DType dtype : {DType::i32, DType::i64, DType::boolean, DType::u8}) {
      const ResizeCase c{{2, 5, 4, 3}, 7, 9, Interpolation::nearest, false};
      list.push_back({.label = std::string(to_string(dtype)) + " nearest",
                      .op = ResizeImages{c.height, c.width, c.interpolation},
                      .inputs = {integers(c.x, 0, dtype == DType::boolean ? 2 : 9, 1, dtype)},
                      .reference = [c](const Arrays& in) { return Arrays{resized(c, in[0])}; }});
    }
    const ResizeCase bytes{{2, 5, 7, 3}, 9, 4, Interpolation::bilinear, true};
    list.push_back({.label = "u8",
                    .op = ResizeImages{bytes.height, bytes.width, bytes.interpolation, bytes.antialias},
                    .inputs = {integers(bytes.x, 0, 256, 1, DType::u8)},
                    .reference = [bytes](const Arrays& in) { return Arrays{resized(bytes, in[0])}; },
                    .as_given = true});
    return list;
  }
};

template <>
struct Samples<ResizeImagesGradient> {
  static SampleList make() {
    SampleList list;
    for (const ResizeCase& c : resize_cases())
      list.push_back({.label = resize_label(c),
                      .op = ResizeImagesGradient{c.x[1], c.x[2], c.interpolation, c.antialias},
                      .inputs = {uniform({c.x[0], c.height, c.width, c.x[3]}, -3, 3, 1)},
                      .reference = [c](const Arrays& in) { return Arrays{resize_gradient(c, in[0])}; },
                      .double_tolerance = 1e-12,
                      .floor = 10,  // sums of many
                      .same_for_all_threads = true});
    return list;
  }
};

}  // namespace strata::harness
