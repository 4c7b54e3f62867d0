#pragma once

#include "tests/core/ops/harness/samples_products.h"

namespace strata::harness {

struct PoolCase {
  Shape x;
  PoolWindow2D window;
};

/// Windows that overlap, that leave gaps, that reach into the padding, one for the whole image.
inline std::vector<PoolCase> pool_cases() {
  const auto same = Padding::same, valid = Padding::valid;
  return {{{2, 6, 8, 3}, {}},
          {{2, 7, 5, 3}, {{2, 2}, {0, 0}, valid}},
          {{2, 7, 5, 3}, {{2, 2}, {0, 0}, same}},
          {{1, 7, 8, 19}, {{3, 3}, {2, 2}, same}},
          {{3, 6, 5, 2}, {{3, 2}, {1, 1}, same}},
          {{1, 9, 9, 4}, {{2, 3}, {3, 4}, valid}},
          {{2, 5, 4, 37}, {{5, 4}, {1, 1}, valid}},
          {{0, 4, 4, 2}, {}}};
}

inline std::string pool_label(const PoolCase& c) {
  return to_string(c.x) + " by " + std::to_string(c.window.size[0]) + "x" + std::to_string(c.window.size[1]) +
         (c.window.padding == Padding::same ? " same" : " valid");
}

inline Shape pool_output(const PoolCase& c) {
  const PoolWindow2D& w = c.window;
  return {c.x[0], Axis(c.x[1], w.size[0], w.stride(0), 1, w.padding).out,
          Axis(c.x[2], w.size[1], w.stride(1), 1, w.padding).out, c.x[3]};
}

/// The places of x that a place of the result looks at, rows first.
inline std::vector<Index> places_of(const PoolCase& c, const Index& y) {
  const PoolWindow2D& w = c.window;
  const Axis rows(c.x[1], w.size[0], w.stride(0), 1, w.padding), columns(c.x[2], w.size[1], w.stride(1), 1, w.padding);
  std::vector<Index> places;
  for_each_index({w.size[0], w.size[1]}, [&](const Index& k) {
    const std::int64_t h = y[1] * w.stride(0) - rows.before + k[0], v = y[2] * w.stride(1) - columns.before + k[1];
    if (h >= 0 && h < c.x[1] && v >= 0 && v < c.x[2]) places.push_back({y[0], h, v, y[3]});
  });
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
