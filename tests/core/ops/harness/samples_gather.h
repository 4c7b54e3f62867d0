#pragma once

#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

struct GatherCase {
  Shape params;
  std::int64_t axis;
  Tensor indices;  // some of them twice
};

inline std::vector<GatherCase> gather_cases() {
  return {{{5, 3}, 0, integers({4}, 0, 5, 1)},
          {{5, 3}, 1, integers({2, 4}, 0, 3, 2, DType::i64)},
          {{2, 5, 3}, 1, integers({7}, 0, 5, 3, DType::u8)},
          {{2, 5, 3}, -1, integers({}, 0, 3, 4)},
          {{7}, 0, integers({3, 3}, 0, 7, 5)},
          {{5, 3}, 0, Tensor(DType::i32, {0})},
          {{300, 70}, 0, integers({900}, 0, 300, 6)}};
}

inline Shape gathered_shape(const GatherCase& c) {
  const int axis = normalize_axis(c.axis, c.params.rank(), "reference");
  Shape shape = c.params.slice(0, axis);
  for (std::int64_t d : c.indices.shape()) shape.push_back(d);
  for (int a = axis + 1; a < c.params.rank(); ++a) shape.push_back(c.params[a]);
  return shape;
}

/// Where in the params the element at `to` of the result lies.
inline Index gathered_place(const GatherCase& c, const Array& indices, const Index& to) {
  const auto axis = static_cast<std::ptrdiff_t>(normalize_axis(c.axis, c.params.rank(), "reference"));
  const auto rank = static_cast<std::ptrdiff_t>(indices.shape.rank());
  Index place(to.begin(), to.begin() + axis);
  place.push_back(static_cast<std::int64_t>(indices.at(Index(to.begin() + axis, to.begin() + axis + rank))));
  place.insert(place.end(), to.begin() + axis + rank, to.end());
  return place;
}

template <>
struct Samples<Gather> {
  static SampleList make() {
    SampleList list;
    for (const GatherCase& c : gather_cases())
      list.push_back({.label = to_string(c.params) + " axis " + std::to_string(c.axis),
                      .op = Gather{c.axis},
                      .inputs = {uniform(c.params, -1, 1, 9), c.indices},
                      .reference =
                          [c](const Arrays& in) {
                            return Arrays{built(gathered_shape(c), [&](const Index& to) {
                              return in[0].at(gathered_place(c, in[1], to));
                            })};
                          },
                      .tolerance = 0,
                      .double_tolerance = 0,
                      .slope_tolerance = 1e-5,
                      .same_for_all_threads = true});
    return list;
  }
};
template <>
struct Samples<ScatterAdd> {
  static SampleList make() {
    SampleList list;
    for (const GatherCase& c : gather_cases())
      list.push_back({.label = to_string(c.params) + " axis " + std::to_string(c.axis),
                      .op = ScatterAdd{c.params, c.axis},
                      .inputs = {c.indices, uniform(gathered_shape(c), -1, 1, 9)},
                      .reference =
                          [c](const Arrays& in) {
                            Array out = built(c.params, [](const Index&) { return 0.0; });
                            for_each_index(in[1].shape, [&](const Index& to) {
                              out.at(gathered_place(c, in[0], to)) += in[1].at(to);
                            });
                            return Arrays{out};
                          },
                      .slope_tolerance = 1e-5});
    return list;
  }
};
template <>
struct Samples<OneHot> {
  static SampleList make() {
    SampleList list;
    for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::boolean})
      for (const Shape& shape : Shapes{{7}, {2, 3}, {}, {0}})
        list.push_back({.label = std::string(to_string(dtype)) + to_string(shape),
                        .op = OneHot{5, dtype},
                        .inputs = {integers(shape, -1, 6, 3)},
                        .reference = [](const Arrays& in) {
                          Shape to = in[0].shape;
                          to.push_back(5);
                          return Arrays{built(to, [&](const Index& i) {
                            return in[0].at(Index(i.begin(), i.end() - 1)) == static_cast<double>(i.back()) ? 1.0 : 0.0;
                          })};
                        }});
    return list;
  }
};

}  // namespace strata::harness
