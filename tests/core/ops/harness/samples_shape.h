#pragma once

#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

/// An op that only moves elements: `f` says what is at each place of a result of this shape.
using Moved = std::function<double(const Array& x, const Index& to)>;

inline Sample moving(std::string label, const Op& op, const Tensor& x, const Shape& result, const Moved& f) {
  return {.label = std::move(label),
          .op = op,
          .inputs = {x},
          .reference =
              [=](const Arrays& in) { return Arrays{built(result, [&](const Index& to) { return f(in[0], to); })}; },
          .tolerance = 0,
          .double_tolerance = 0,
          .same_for_all_threads = true};
}
/// The same numbers under another shape.
inline Sample renamed(const Op& op, const Shape& from, const Shape& to) {
  return {.label = to_string(from) + " to " + to_string(to),
          .op = op,
          .inputs = {uniform(from, -1, 1, 1)},
          .reference =
              [to](const Arrays& in) {
                return Arrays{{to, in[0].data}};
              },
          .tolerance = 0,
          .double_tolerance = 0};
}

template <>
struct Samples<Reshape> {
  static SampleList make() {
    return {renamed(Reshape{{6, -1}}, {3, 4, 5}, {6, 10}), renamed(Reshape{{-1}}, {3, 4}, {12}),
            renamed(Reshape{{}}, {1, 1}, {}), renamed(Reshape{{0, 7}}, {0, 3}, {0, 7}),
            renamed(Reshape{{2, 3}}, {2, 3}, {2, 3})};
  }
};
template <>
struct Samples<ExpandDims> {
  static SampleList make() {
    return {renamed(ExpandDims{0}, {3, 4}, {1, 3, 4}), renamed(ExpandDims{-1}, {3, 4}, {3, 4, 1}),
            renamed(ExpandDims{1}, {3, 4}, {3, 1, 4}), renamed(ExpandDims{0}, {}, {1})};
  }
};
template <>
struct Samples<Squeeze> {
  static SampleList make() {
    return {renamed(Squeeze{{}}, {1, 3, 1}, {3}), renamed(Squeeze{{-1}}, {1, 3, 1}, {1, 3}),
            renamed(Squeeze{{0, 2}}, {1, 3, 1}, {3})};
  }
};
/// Of one replica: the identity. Several are in tests/distributed.
template <>
struct Samples<AllReduce> {
  static SampleList make() {
    return {renamed(AllReduce{}, {3, 4}, {3, 4}), renamed(AllReduce{true}, {7}, {7}), renamed(AllReduce{}, {}, {})};
  }
};
template <>
struct Samples<Flatten> {
  static SampleList make() {
    return {renamed(Flatten{1}, {2, 3, 4}, {2, 12}), renamed(Flatten{0}, {2, 3}, {6}),
            renamed(Flatten{2}, {2, 3, 4, 5}, {2, 3, 20}), renamed(Flatten{1}, {5}, {5, 1})};
  }
};
template <>
struct Samples<Identity> {
  static SampleList make() { return {renamed(Identity{}, {2, 3}, {2, 3})}; }
};
template <>
struct Samples<StopGradient> {
  static SampleList make() {
    SampleList list{renamed(StopGradient{}, {2, 3}, {2, 3})};
    list[0].slope = Slope::none;
    return list;
  }
};

template <>
struct Samples<Transpose> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Tensor& x, const Axes& axes) {
      Axes order = axes;
      if (axes.empty())
        for (std::int64_t i = x.shape().rank(); i-- > 0;) order.push_back(i);
      for (std::int64_t& a : order) a = normalize_axis(a, x.shape().rank(), "reference");
      Shape result;
      for (std::int64_t a : order) result.push_back(x.shape()[a]);
      list.push_back(moving(to_string(x.type()) + " by " + to_string(Shape(axes)), Transpose{axes}, x, result,
                            [order](const Array& in, const Index& to) {
                              Index from(to.size());
                              for (std::size_t i = 0; i < to.size(); ++i)
                                from[static_cast<std::size_t>(order[i])] = to[i];
                              return in.at(from);
                            }));
    };
    add(uniform({3, 5}, -1, 1, 1), {});
    add(uniform({3, 5, 7}, -1, 1, 1), {2, 0, 1});
    add(uniform({2, 3, 4, 5}, -1, 1, 1), {0, 3, 1, 2});
    add(uniform({2, 3, 4, 5}, -1, 1, 1), {0, 2, -1, 1});
    add(uniform({3, 5, 7}, -1, 1, 1), {0, 1, 2});
    add(uniform({131, 277}, -1, 1, 1), {1, 0});
    add(uniform({0, 3}, -1, 1, 1), {1, 0});
    add(integers({4, 5}, 0, 9, 1), {});
    add(integers({4, 5}, 0, 2, 1, DType::boolean), {1, 0});
    return list;
  }
};

template <>
struct Samples<BroadcastTo> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Shape& from, const Shape& to) {
      list.push_back(moving(to_string(from) + " to " + to_string(to), BroadcastTo{to}, uniform(from, -1, 1, 1), to,
                            [](const Array& in, const Index& at) { return in.broadcast_at(at); }));
    };
    add({5}, {3, 5});
    add({3, 1}, {3, 5});
    add({}, {2, 3});
    add({2, 1, 4}, {5, 2, 3, 4});
    add({1, 3}, {0, 3});
    add({3, 5}, {3, 5});
    add({3, 1}, {3, 16411});
    return list;
  }
};
template <>
struct Samples<Repeat> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Shape& from, std::int64_t count, std::int64_t axis) {
      Shape to = from;
      to[axis] *= count;
      const auto at = static_cast<std::size_t>(normalize_axis(axis, from.rank(), "reference"));
      list.push_back(moving(to_string(from) + " axis " + std::to_string(axis), Repeat{count, axis},
                            uniform(from, -1, 1, 1), to, [=](const Array& in, const Index& i) {
                              Index place = i;
                              place[at] /= count;
                              return in.at(place);
                            }));
    };
    add({3, 5}, 2, 0);
    add({3, 5}, 3, -1);
    add({2, 3, 4}, 2, 1);
    add({3, 5}, 1, 0);
    add({3, 5}, 0, 1);
    return list;
  }
};
template <>
struct Samples<Tiling> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Shape& from, const std::vector<std::int64_t>& multiples) {
      Shape to = from;
      for (int a = 0; a < from.rank(); ++a) to[a] *= multiples[static_cast<std::size_t>(a)];
      list.push_back(moving(to_string(from) + " by " + to_string(Shape(multiples)), Tiling{multiples},
                            uniform(from, -1, 1, 1), to, [from](const Array& in, const Index& i) {
                              Index place = i;
                              for (std::size_t a = 0; a < place.size(); ++a)
                                place[a] %= from[static_cast<std::int64_t>(a)];
                              return in.at(place);
                            }));
    };
    add({3, 5}, {2, 3});
    add({3, 5}, {1, 1});
    add({2, 3, 4}, {1, 2, 2});
    add({3}, {0});
    return list;
  }
};

template <>
struct Samples<Slice> {
  static SampleList make() {
    SampleList list;
    // `first` and `sizes` are what the positions mean after NumPy's rules.
    const auto add = [&](const Shape& from, const Slice& op, const Index& first, const Shape& sizes) {
      list.push_back(moving(to_string(from) + " from " + to_string(Shape(op.begin)), op, uniform(from, -1, 1, 1), sizes,
                            [=](const Array& in, const Index& i) {
                              Index place = i;
                              for (std::size_t a = 0; a < place.size(); ++a)
                                place[a] = (a < first.size() ? first[a] : 0) +
                                           i[a] * (a < op.strides.size() ? op.strides[a] : 1);
                              return in.at(place);
                            }));
    };
    add({7, 5}, {{1, 2}, {4, 5}, {}}, {1, 2}, {3, 3});
    add({7, 5}, {{-3}, {slice_end}, {}}, {4}, {3, 5});
    add({7, 5}, {{0, 0}, {slice_end, -1}, {2, 3}}, {0, 0}, {4, 2});
    add({7, 5}, {{-99}, {99}, {3}}, {0}, {3, 5});
    add({7, 5}, {{4}, {2}, {}}, {4}, {0, 5});
    add({3, 4, 5, 2}, {{1, 0, 2}, {3, 4, 3}, {1, 2, 1}}, {1, 0, 2}, {2, 2, 1, 2});
    return list;
  }
};
template <>
struct Samples<Pad> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](const Shape& from, const Pad& op) {
      Shape to = from;
      for (int a = 0; a < from.rank(); ++a) {
        const auto i = static_cast<std::size_t>(a);
        const std::int64_t between = op.interior.empty() ? 0 : op.interior[i] * std::max<std::int64_t>(0, from[a] - 1);
        to[a] += op.before[i] + op.after[i] + between;
      }
      list.push_back(moving(to_string(from) + " to " + to_string(to), op, uniform(from, -1, 1, 1), to,
                            [=](const Array& in, const Index& i) {
                              Index place = i;
                              for (std::size_t a = 0; a < place.size(); ++a) {
                                const std::int64_t step = 1 + (op.interior.empty() ? 0 : op.interior[a]),
                                                   at = i[a] - op.before[a];
                                if (at < 0 || at % step != 0 || at / step >= from[static_cast<std::int64_t>(a)])
                                  return op.value;
                                place[a] = at / step;
                              }
                              return in.at(place);
                            }));
    };
    add({3, 4}, {{1, 2}, {0, 3}, {}, 0});
    add({3, 4}, {{0, 0}, {2, 0}, {}, -0.5});
    add({3, 4}, {{1, 0}, {0, 1}, {2, 1}, 0});
    add({2, 3, 4, 2}, {{0, 1, 1, 0}, {0, 1, 1, 0}, {}, 0});
    add({0, 3}, {{1, 0}, {1, 0}, {}, 0.25});
    return list;
  }
};

template <>
struct Samples<Concatenate> {
  static SampleList make() {
    SampleList list;
    const auto add = [&](std::int64_t axis, const Shapes& shapes) {
      Sample s{.label = "axis " + std::to_string(axis), .op = Concatenate{axis}, .same_for_all_threads = true};
      unsigned seed = 1;
      for (const Shape& shape : shapes) s.inputs.push_back(uniform(shape, -1, 1, seed++));
      s.reference = [axis](const Arrays& in) {
        const auto at = static_cast<std::size_t>(normalize_axis(axis, in[0].shape.rank(), "reference"));
        Shape to = in[0].shape;
        for (std::size_t k = 1; k < in.size(); ++k) to[axis] += in[k].shape[axis];
        return Arrays{built(to, [&](const Index& i) {
          Index place = i;
          std::size_t part = 0;
          while (place[at] >= in[part].shape[axis]) place[at] -= in[part++].shape[axis];
          return in[part].at(place);
        })};
      };
      list.push_back(std::move(s));
    };
    add(-1, {{3, 2}, {3, 1}, {3, 4}});
    add(0, {{2, 3}, {1, 3}});
    add(1, {{2, 3, 4}, {2, 0, 4}, {2, 5, 4}});
    add(0, {{3}});
    return list;
  }
};
/// Pieces of these sizes, each a result.
inline Reference pieces(const std::vector<std::int64_t>& sizes, std::int64_t axis) {
  return [=](const Arrays& in) {
    const auto at = static_cast<std::size_t>(normalize_axis(axis, in[0].shape.rank(), "reference"));
    Arrays out;
    std::int64_t first = 0;
    for (std::int64_t size : sizes) {
      Shape to = in[0].shape;
      to[axis] = size;
      out.push_back(built(to, [&](const Index& i) {
        Index place = i;
        place[at] += first;
        return in[0].at(place);
      }));
      first += size;
    }
    return out;
  };
}
template <>
struct Samples<Split> {
  static SampleList make() {
    return {{.label = "last axis",
             .op = Split{{1, 0, 4}, -1},
             .inputs = {uniform({3, 5}, -1, 1, 1)},
             .reference = pieces({1, 0, 4}, -1)},
            {.label = "first axis",
             .op = Split{{2, 1}, 0},
             .inputs = {uniform({3, 5}, -1, 1, 1)},
             .reference = pieces({2, 1}, 0)}};
  }
};
template <>
struct Samples<SplitEqually> {
  static SampleList make() {
    return {{.label = "last axis",
             .op = SplitEqually{3, -1},
             .inputs = {uniform({2, 6}, -1, 1, 1)},
             .reference = pieces({2, 2, 2}, -1)},
            {.label = "middle",
             .op = SplitEqually{2, 1},
             .inputs = {uniform({2, 4, 3}, -1, 1, 1)},
             .reference = pieces({2, 2}, 1)}};
  }
};

template <>
struct Samples<Fill> {
  static SampleList make() {
    SampleList list;
    for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::boolean, DType::bf16})
      list.push_back(
          {.label = std::string(to_string(dtype)), .op = Fill{{dtype, {3, 5}}, 1}, .reference = [](const Arrays&) {
             return Arrays{built({3, 5}, [](const Index&) { return 1.0; })};
           }});
    return list;
  }
};
template <>
struct Samples<FillLike> {
  static SampleList make() {
    Sample s{.label = "floats", .op = FillLike{-2.5}, .inputs = {uniform({3, 5}, -1, 1, 1)}};
    s.reference = [](const Arrays& in) { return Arrays{built(in[0].shape, [](const Index&) { return -2.5; })}; };
    return {s};
  }
};
template <>
struct Samples<Range> {
  static SampleList make() {
    SampleList list;
    for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64})
      list.push_back(
          {.label = std::string(to_string(dtype)), .op = Range{3, -2, 7, dtype}, .reference = [](const Arrays&) {
             return Arrays{built({7}, [](const Index& i) { return 3.0 - 2.0 * static_cast<double>(i[0]); })};
           }});
    return list;
  }
};

}  // namespace strata::harness
