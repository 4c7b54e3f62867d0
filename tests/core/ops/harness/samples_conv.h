#pragma once

#include "tests/core/ops/harness/samples_products.h"

namespace strata::harness {

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

template <std::size_t N>
struct ConvCase {
  Shape x, w;
  Window<N> window;
  Axis axis(std::size_t i) const {
    const auto at = static_cast<std::int64_t>(i);
    return {x[at + 1], w[at], window.strides[i], window.dilation[i], window.padding};
  }
  Shape output() const {
    Shape y{x[0]};
    for (std::size_t i = 0; i < N; ++i) y.push_back(axis(i).out);
    y.push_back(w.back());
    return y;
  }
};

/// Calls f(place in x, place in w, place in y) for every product of a convolution of x [N,...,C] with w
/// [...,C/groups,F].
template <std::size_t N>
void for_each_tap(const ConvCase<N>& c, const std::function<void(const Index&, const Index&, const Index&)>& f) {
  const std::int64_t per_group = c.w.back() / c.window.groups;
  for_each_index(c.output(), [&](const Index& y) {
    for_each_index(c.w.slice(0, N + 1), [&](const Index& k) {
      Index from{y[0]};
      for (std::size_t i = 0; i < N; ++i) {
        from.push_back(y[i + 1] * c.window.strides[i] - c.axis(i).before + k[i] * c.window.dilation[i]);
        if (from.back() < 0 || from.back() >= c.x[static_cast<std::int64_t>(i) + 1]) return;
      }
      from.push_back(y.back() / per_group * c.w[-2] + k[N]);
      Index weight = k;
      weight.push_back(y.back());
      f(from, weight, y);
    });
  });
}

/// Every algorithm of the kernels and every attribute: 1x1, 3x3 with many channels, strides, dilation, groups,
/// depthwise.
inline std::vector<ConvCase<2>> image_cases() {
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

/// Strides, dilation and groups on each axis, planes that lie outside.
inline std::vector<ConvCase<3>> volume_cases() {
  const auto same = Padding::same, valid = Padding::valid;
  return {{{2, 4, 5, 6, 3}, {3, 3, 3, 3, 4}, {}},
          {{2, 4, 3, 5, 2}, {3, 2, 3, 2, 5}, {{1, 1, 1}, same, {1, 1, 1}, 1}},
          {{1, 5, 6, 5, 1}, {3, 3, 3, 1, 3}, {{2, 2, 2}, same, {1, 1, 1}, 1}},
          {{1, 6, 5, 7, 2}, {2, 3, 2, 2, 3}, {{3, 2, 1}, valid, {1, 1, 1}, 1}},
          {{1, 7, 6, 6, 2}, {3, 2, 3, 2, 3}, {{1, 1, 1}, same, {3, 1, 2}, 1}},
          {{2, 3, 4, 4, 6}, {3, 3, 3, 2, 9}, {{1, 1, 1}, same, {1, 1, 1}, 3}},
          {{1, 3, 4, 5, 4}, {2, 2, 2, 1, 8}, {{1, 1, 1}, same, {1, 1, 1}, 4}},
          {{2, 3, 4, 5, 7}, {1, 1, 1, 7, 9}, {}},
          {{1, 2, 4, 4, 2}, {4, 3, 3, 2, 3}, {{1, 1, 1}, same, {1, 1, 1}, 1}},  // more padding than planes
          {{0, 3, 4, 4, 2}, {2, 2, 2, 2, 3}, {}}};
}

template <std::size_t N>
Sample conv_sample(const ConvCase<N>& c, const Op& op, Tensors inputs, const Shape& result, int factor, int second,
                   int to) {
  Sample s{.label = to_string(c.x) + " " + to_string(c.w) + (c.window.padding == Padding::same ? " same" : " valid"),
           .op = op,
           .inputs = std::move(inputs)};
  s.reference = [=](const Arrays& in) {
    Array out = built(result, [](const Index&) { return 0.0; });
    for_each_tap(c, [&](const Index& x, const Index& w, const Index& y) {
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

template <class Forward, std::size_t N>
SampleList forward_samples(const std::vector<ConvCase<N>>& cases) {
  SampleList list;
  for (const ConvCase<N>& c : cases)
    list.push_back(
        conv_sample(c, Forward{c.window, {}}, {uniform(c.x, -1, 1, 1), uniform(c.w, -1, 1, 2)}, c.output(), 0, 1, 2));
  return list;
}

template <class Gradient, std::size_t N>
SampleList data_gradient_samples(const std::vector<ConvCase<N>>& cases) {
  SampleList list;
  for (const ConvCase<N>& c : cases)
    list.push_back(
        conv_sample(c, Gradient{c.window, c.x}, {uniform(c.output(), -1, 1, 1), uniform(c.w, -1, 1, 2)}, c.x, 2, 1, 0));
  return list;
}

template <class Gradient, std::size_t N>
SampleList weight_gradient_samples(const std::vector<ConvCase<N>>& cases) {
  SampleList list;
  for (const ConvCase<N>& c : cases) {
    list.push_back(
        conv_sample(c, Gradient{c.window, c.w}, {uniform(c.x, -1, 1, 1), uniform(c.output(), -1, 1, 2)}, c.w, 0, 2, 1));
    list.back().floor = 10;
  }
  return list;
}

template <>
struct Samples<Conv2D> {
  static SampleList make() { return forward_samples<Conv2D>(image_cases()); }
};
template <>
struct Samples<Conv2DDataGradient> {
  static SampleList make() { return data_gradient_samples<Conv2DDataGradient>(image_cases()); }
};
template <>
struct Samples<Conv2DWeightGradient> {
  static SampleList make() { return weight_gradient_samples<Conv2DWeightGradient>(image_cases()); }
};
template <>
struct Samples<Conv3D> {
  static SampleList make() { return forward_samples<Conv3D>(volume_cases()); }
};
template <>
struct Samples<Conv3DDataGradient> {
  static SampleList make() { return data_gradient_samples<Conv3DDataGradient>(volume_cases()); }
};
template <>
struct Samples<Conv3DWeightGradient> {
  static SampleList make() { return weight_gradient_samples<Conv3DWeightGradient>(volume_cases()); }
};

}  // namespace strata::harness
