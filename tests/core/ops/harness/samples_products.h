#pragma once

#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

// ---- matrix products

/// Element [..., i, j] of an operand, transposed when asked, whose leading axes broadcast.
inline double matrix_at(const Array& a, bool transposed, Index lead, std::int64_t i, std::int64_t j) {
  const auto own = static_cast<std::size_t>(a.shape.rank() - 2);
  lead.erase(lead.begin(), lead.end() - static_cast<std::ptrdiff_t>(own));
  lead.push_back(transposed ? j : i);
  lead.push_back(transposed ? i : j);
  for (std::size_t axis = 0; axis < own; ++axis)
    if (a.shape[static_cast<std::int64_t>(axis)] == 1) lead[axis] = 0;
  return a.at(lead);
}

inline Reference product(bool transpose_a, bool transpose_b) {
  return [=](const Arrays& in) {
    const Shape &a = in[0].shape, &b = in[1].shape;
    const std::int64_t k = a[transpose_a ? -2 : -1];
    Shape to = broadcast(a.slice(0, a.rank() - 2), b.slice(0, b.rank() - 2), "reference");
    to.push_back(a[transpose_a ? -1 : -2]);
    to.push_back(b[transpose_b ? -2 : -1]);
    return Arrays{built(to, [&](const Index& index) {
      const Index lead(index.begin(), index.end() - 2);
      double total = 0;
      for (std::int64_t p = 0; p < k; ++p)
        total += matrix_at(in[0], transpose_a, lead, *(index.end() - 2), p) *
                 matrix_at(in[1], transpose_b, lead, p, index.back());
      return total;
    })};
  };
}

template <>
struct Samples<MatMul> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Shape& a, const Shape& b, bool ta = false, bool tb = false) {
      Sample s{.label = to_string(a) + (ta ? "T" : "") + " " + to_string(b) + (tb ? "T" : ""),
               .op = MatMul{ta, tb, {}}};
      s.inputs = {uniform(a, -1, 1, 1), uniform(b, -1, 1, 2)};
      s.reference = product(ta, tb);
      s.tolerance = 5e-6;  // sums of up to 800 products of magnitude 1
      s.double_tolerance = 1e-12;
      s.floor = std::sqrt(static_cast<double>(a[ta ? -2 : -1]) + 1);
      s.slope_tolerance = 1e-5;
      list.push_back(std::move(s));
    };
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        add(ta ? Shape{7, 5} : Shape{5, 7}, tb ? Shape{3, 7} : Shape{7, 3}, ta, tb);
        add(ta ? Shape{2, 19, 33} : Shape{2, 33, 19}, tb ? Shape{2, 17, 19} : Shape{2, 19, 17}, ta, tb);
      }
    add({1, 1}, {1, 1});
    add({130, 784}, {784, 61});
    add({5, 3, 4}, {4, 2});        // a matrix for all rows
    add({2, 1, 3, 4}, {5, 4, 2});  // leading axes broadcast
    add({4, 3}, {6, 3, 2});
    add({0, 3}, {3, 2});
    add({3, 0}, {0, 2});
    add({2, 0, 3}, {2, 3, 4});
    list.push_back({.label = "i32",
                    .op = MatMul{},
                    .inputs = {integers({4, 6}, -9, 9, 1), integers({6, 5}, -9, 9, 2)},
                    .reference = product(false, false)});
    return list;
  }
};

// ---- convolutions

/// One axis of a window: output size and padding in front.
struct Axis {
  std::int64_t out, before;
  Axis(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t dilation, Padding padding) {
    const std::int64_t reach = dilation * (kernel - 1) + 1;
    out = padding == Padding::same ? (in + stride - 1) / stride : (in - reach) / stride + 1;
    const std::int64_t total =
        padding == Padding::same ? std::max<std::int64_t>(0, (out - 1) * stride + reach - in) : 0;
    before = total / 2;
  }
};

/// Calls f(place in x, place in w, place in y) for every product of a convolution of x [N,H,W,C] with w
/// [kh,kw,C/groups,F].
inline void for_each_tap(const Window2D& win, const Shape& x, const Shape& w,
                         const std::function<void(const Index&, const Index&, const Index&)>& f) {
  const Axis rows(x[1], w[0], win.strides[0], win.dilation[0], win.padding),
      columns(x[2], w[1], win.strides[1], win.dilation[1], win.padding);
  const std::int64_t per_group = w[3] / win.groups;
  for_each_index({x[0], rows.out, columns.out, w[3]}, [&](const Index& y) {
    for_each_index({w[0], w[1], w[2]}, [&](const Index& k) {
      const std::int64_t h = y[1] * win.strides[0] - rows.before + k[0] * win.dilation[0];
      const std::int64_t v = y[2] * win.strides[1] - columns.before + k[1] * win.dilation[1];
      if (h < 0 || h >= x[1] || v < 0 || v >= x[2]) return;
      f({y[0], h, v, y[3] / per_group * w[2] + k[2]}, {k[0], k[1], k[2], y[3]}, y);
    });
  });
}

inline Shape conv_output(const Window2D& win, const Shape& x, const Shape& w) {
  return {x[0], Axis(x[1], w[0], win.strides[0], win.dilation[0], win.padding).out,
          Axis(x[2], w[1], win.strides[1], win.dilation[1], win.padding).out, w[3]};
}

struct ConvCase {
  Shape x, w;
  Window2D window;
};

/// Every algorithm of the kernels and every attribute: 1x1, 3x3 with many channels, strides, dilation, groups,
/// depthwise.
inline std::vector<ConvCase> conv_cases() {
  const auto same = Padding::same, valid = Padding::valid;
  return {{{2, 5, 6, 3}, {3, 3, 3, 4}, {}},
          {{2, 5, 6, 3}, {3, 2, 3, 5}, {{1, 1}, same, {1, 1}, 1}},
          {{1, 7, 8, 2}, {3, 3, 2, 3}, {{2, 2}, same, {1, 1}, 1}},
          {{1, 8, 7, 2}, {2, 3, 2, 3}, {{2, 3}, valid, {1, 1}, 1}},
          {{1, 9, 9, 2}, {3, 3, 2, 3}, {{1, 1}, same, {2, 2}, 1}},
          {{1, 9, 8, 2}, {3, 2, 2, 3}, {{1, 1}, valid, {2, 3}, 1}},
          {{2, 5, 5, 6}, {3, 3, 2, 9}, {{1, 1}, same, {1, 1}, 3}},
          {{2, 6, 5, 4}, {3, 3, 1, 4}, {{1, 1}, same, {1, 1}, 4}},  // depthwise
          {{1, 6, 6, 3}, {3, 3, 1, 6}, {{2, 2}, same, {1, 1}, 3}},  // two kernels a channel
          {{2, 4, 5, 7}, {1, 1, 7, 9}, {}},                         // a product of matrices
          {{1, 5, 5, 4}, {1, 1, 4, 3}, {{2, 2}, valid, {1, 1}, 1}},
          {{1, 12, 13, 16}, {3, 3, 16, 32}, {{1, 1}, same, {1, 1}, 1}},  // Winograd's shape
          {{3, 14, 14, 1}, {3, 3, 1, 16}, {}},                           // one channel
          {{1, 4, 4, 2}, {4, 4, 2, 3}, {}},                              // one place
          {{0, 5, 5, 2}, {3, 3, 2, 3}, {}}};
}

inline Sample conv_sample(const ConvCase& c, const Op& op, Tensors inputs, const Shape& result, int factor, int second,
                          int to) {
  Sample s{.label = to_string(c.x) + " " + to_string(c.w) + (c.window.padding == Padding::same ? " same" : " valid"),
           .op = op,
           .inputs = std::move(inputs)};
  s.reference = [=](const Arrays& in) {
    Array out = built(result, [](const Index&) { return 0.0; });
    for_each_tap(c.window, c.x, c.w, [&](const Index& x, const Index& w, const Index& y) {
      const Index* places[] = {&x, &w, &y};
      out.at(*places[to]) += in[0].at(*places[factor]) * in[1].at(*places[second]);
    });
    return Arrays{out};
  };
  s.tolerance = 1e-5;  // Winograd's transforms lose a digit
  s.double_tolerance = 1e-11;
  s.floor = 4;  // sums of tens to hundreds of products of magnitude 1
  s.slope_tolerance = 1e-5;
  return s;
}

template <>
struct Samples<Conv2D> {
  static SampleList make() {
    SampleList list;
    for (const ConvCase& c : conv_cases())
      list.push_back(conv_sample(c, Conv2D{c.window, {}}, {uniform(c.x, -1, 1, 1), uniform(c.w, -1, 1, 2)},
                                 conv_output(c.window, c.x, c.w), 0, 1, 2));
    return list;
  }
};
template <>
struct Samples<Conv2DDataGradient> {
  static SampleList make() {
    SampleList list;
    for (const ConvCase& c : conv_cases())
      list.push_back(conv_sample(c, Conv2DDataGradient{c.window, c.x},
                                 {uniform(conv_output(c.window, c.x, c.w), -1, 1, 1), uniform(c.w, -1, 1, 2)}, c.x, 2,
                                 1, 0));
    return list;
  }
};
template <>
struct Samples<Conv2DWeightGradient> {
  static SampleList make() {
    SampleList list;
    for (const ConvCase& c : conv_cases()) {
      list.push_back(conv_sample(c, Conv2DWeightGradient{c.window, c.w},
                                 {uniform(c.x, -1, 1, 1), uniform(conv_output(c.window, c.x, c.w), -1, 1, 2)}, c.w, 0,
                                 2, 1));
      list.back().floor = 10;
    }
    return list;
  }
};

}  // namespace strata::harness
