#pragma once

#include "tests/core/ops/harness/samples_conv.h"

namespace strata::harness {

struct PoolCase {
  Shape x;
  PoolWindow2D window;
};

/// Windows that overlap, that leave gaps, that reach into the padding, one for the whole image; adaptive ones that
/// divide the image, that do not, that are more than its pixels.
inline std::vector<PoolCase> pool_cases() {
  const auto same = Padding::same, valid = Padding::valid;
  return {{{2, 6, 8, 3}, {}},
          {{2, 7, 5, 3}, {{2, 2}, {0, 0}, valid}},
          {{2, 7, 5, 3}, {{2, 2}, {0, 0}, same}},
          {{1, 7, 8, 19}, {{3, 3}, {2, 2}, same}},
          {{3, 6, 5, 2}, {{3, 2}, {1, 1}, same}},
          {{1, 9, 9, 4}, {{2, 3}, {3, 4}, valid}},
          {{2, 5, 4, 37}, {{5, 4}, {1, 1}, valid}},
          {{0, 4, 4, 2}, {}},
          {{2, 6, 8, 3}, {.size = {3, 2}, .adaptive = true}},
          {{2, 7, 5, 19}, {.size = {3, 2}, .adaptive = true}},
          {{1, 2, 9, 2}, {.size = {3, 9}, .adaptive = true}},
          {{1, 4, 5, 2}, {.size = {1, 1}, .adaptive = true}}};
}

inline std::string pool_label(const PoolCase& c) {
  return to_string(c.x) + " by " + std::to_string(c.window.size[0]) + "x" + std::to_string(c.window.size[1]) +
         (c.window.adaptive                   ? " adaptive"
          : c.window.padding == Padding::same ? " same"
                                              : " valid");
}

/// Output size along an axis, and the positions that window i looks at: from first to before last.
inline std::int64_t pooled_size(const PoolCase& c, std::size_t axis) {
  const PoolWindow2D& w = c.window;
  const std::int64_t in = c.x[static_cast<std::int64_t>(axis) + 1];
  return w.adaptive ? w.size[axis] : Axis(in, w.size[axis], w.stride(axis), 1, w.padding).out;
}
inline std::pair<std::int64_t, std::int64_t> window_span(const PoolCase& c, std::size_t axis, std::int64_t i) {
  const PoolWindow2D& w = c.window;
  const std::int64_t in = c.x[static_cast<std::int64_t>(axis) + 1];
  if (w.adaptive) {
    const double share = static_cast<double>(in) / static_cast<double>(w.size[axis]);
    return {static_cast<std::int64_t>(std::floor(static_cast<double>(i) * share + 1e-9)),
            static_cast<std::int64_t>(std::ceil(static_cast<double>(i + 1) * share - 1e-9))};
  }
  const std::int64_t begin = i * w.stride(axis) - Axis(in, w.size[axis], w.stride(axis), 1, w.padding).before;
  return {std::max<std::int64_t>(begin, 0), std::min(begin + w.size[axis], in)};
}

inline Shape pool_output(const PoolCase& c) { return {c.x[0], pooled_size(c, 0), pooled_size(c, 1), c.x[3]}; }

/// The places of x that a place of the result looks at, rows first.
inline std::vector<Index> places_of(const PoolCase& c, const Index& y) {
  const auto [top, bottom] = window_span(c, 0, y[1]);
  const auto [left, right] = window_span(c, 1, y[2]);
  std::vector<Index> places;
  for (std::int64_t h = top; h < bottom; ++h)
    for (std::int64_t v = left; v < right; ++v) places.push_back({y[0], h, v, y[3]});
  return places;
}

inline Index largest_place(const PoolCase& c, const Array& x, const Index& y) {
  const std::vector<Index> places = places_of(c, y);
  Index best = places[0];
  for (const Index& p : places)
    if (x.at(p) > x.at(best)) best = p;
  return best;
}

inline Arrays max_pooled(const PoolCase& c, const Array& x) {
  return {built(pool_output(c), [&](const Index& y) { return x.at(largest_place(c, x, y)); })};
}

template <>
struct Samples<MaxPool2D> {
  static SampleList make() {
    SampleList list;
    for (const PoolCase& c : pool_cases())
      list.push_back({.label = pool_label(c),
                      .op = MaxPool2D{c.window},
                      .inputs = {shuffled(c.x, 0.01, 3)},
                      .reference = [c](const Arrays& in) { return max_pooled(c, in[0]); },
                      .tolerance = 0,
                      .same_for_all_threads = true});
    return list;
  }
};

template <>
struct Samples<MaxPool2DGradient> {
  static SampleList make() {
    SampleList list;
    for (const PoolCase& c : pool_cases()) {
      const Tensor x = shuffled(c.x, 0.01, 3);
      Sample s{.label = pool_label(c), .op = MaxPool2DGradient{c.window}, .slope = Slope::refused};
      s.inputs = {x, Tensor::from(pool_output(c), max_pooled(c, array_of(x))[0].data),
                  uniform(pool_output(c), -1, 1, 4)};
      s.reference = [c](const Arrays& in) {
        Array dx = built(c.x, [](const Index&) { return 0.0; });
        for_each_index(pool_output(c), [&](const Index& y) { dx.at(largest_place(c, in[0], y)) += in[2].at(y); });
        return Arrays{dx};
      };
      list.push_back(std::move(s));
    }
    return list;
  }
};

template <>
struct Samples<AveragePool2D> {
  static SampleList make() {
    SampleList list;
    for (const PoolCase& c : pool_cases())
      list.push_back({.label = pool_label(c),
                      .op = AveragePool2D{c.window},
                      .inputs = {uniform(c.x, -1, 1, 3)},
                      .reference = [c](const Arrays& in) {
                        return Arrays{built(pool_output(c), [&](const Index& y) {
                          double total = 0;
                          for (const Index& p : places_of(c, y)) total += in[0].at(p);
                          return total / static_cast<double>(places_of(c, y).size());
                        })};
                      }});
    return list;
  }
};

template <>
struct Samples<AveragePool2DGradient> {
  static SampleList make() {
    SampleList list;
    for (const PoolCase& c : pool_cases())
      list.push_back({.label = pool_label(c),
                      .op = AveragePool2DGradient{c.window, c.x},
                      .inputs = {uniform(pool_output(c), -1, 1, 3)},
                      .reference = [c](const Arrays& in) {
                        Array dx = built(c.x, [](const Index&) { return 0.0; });
                        for_each_index(pool_output(c), [&](const Index& y) {
                          const std::vector<Index> places = places_of(c, y);
                          for (const Index& p : places) dx.at(p) += in[0].at(y) / static_cast<double>(places.size());
                        });
                        return Arrays{dx};
                      }});
    return list;
  }
};

}  // namespace strata::harness
