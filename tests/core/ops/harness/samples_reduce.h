#pragma once

#include <algorithm>

#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

/// What a naive reduction needs to know: the elements that meet in each place of the result.
using Fold = double (*)(const std::vector<double>&);

inline Reference reduction(const Axes& axes, bool keepdims, Fold fold) {
  return [=](const Arrays& in) {
    const Shape& shape = in[0].shape;
    const Axes normal = normalize_axes(axes, shape.rank(), "reference");
    const auto reduced = [&](std::int64_t axis) {
      return std::find(normal.begin(), normal.end(), axis) != normal.end();
    };
    Shape kept, result;
    for (std::int64_t axis = 0; axis < shape.rank(); ++axis) {
      kept.push_back(reduced(axis) ? 1 : shape[axis]);
      if (keepdims || !reduced(axis)) result.push_back(reduced(axis) ? 1 : shape[axis]);
    }
    std::vector<std::vector<double>> met(static_cast<std::size_t>(kept.elements()));
    const Array place{kept, {}};
    for_each_index(shape, [&](const Index& index) {
      Index to = index;
      for (std::size_t axis = 0; axis < to.size(); ++axis)
        if (reduced(static_cast<std::int64_t>(axis))) to[axis] = 0;
      met[place.offset(to)].push_back(in[0].at(index));
    });
    Array out{result, {}};
    for (const auto& elements : met) out.data.push_back(fold(elements));
    return Arrays{out};
  };
}

struct ReduceCase {
  Shape shape;
  Axes axes;
  bool keepdims;
};

inline std::vector<ReduceCase> reduce_cases() {
  return {{{3, 5, 7}, {}, false},        {{3, 5, 7}, {-1}, false},   {{3, 5, 7}, {0}, true},
          {{3, 5, 7}, {1}, false},       {{3, 5, 7}, {0, 2}, false}, {{7}, {0}, false},
          {{2, 3, 4, 5}, {1, -1}, true}, {{61, 700}, {1}, false},    {{700, 61}, {0}, false},
          {{40, 9, 130}, {0, 1}, false}, {{50000}, {}, false}};
}

/// `low`, `high` of the elements; sums are held to their sum of magnitudes by `floor`.
template <class ReduceOp>
SampleList reductions(Fold fold, double low, double high, double floor = 1, bool distinct = false) {
  SampleList list;
  for (const ReduceCase& c : reduce_cases()) {
    Sample s{.op = ReduceOp{c.axes, c.keepdims}, .reference = reduction(c.axes, c.keepdims, fold)};
    s.inputs = {distinct ? shuffled(c.shape, 0.01, 4) : uniform(c.shape, low, high, 4)};
    s.label = to_string(c.shape) + " axes " + to_string(Shape(c.axes)) + (c.keepdims ? " kept" : "");
    s.floor = floor;
    s.slope_tolerance = 1e-5;
    s.double_tolerance = 1e-12;
    list.push_back(std::move(s));
  }
  return list;
}

template <class ReduceOp>
void add_typed(SampleList& list, Fold fold, std::initializer_list<DType> dtypes) {
  for (const DType dtype : dtypes)
    list.push_back({.label = std::string(to_string(dtype)),
                    .op = ReduceOp{{1}, false},
                    .inputs = {integers({5, 6}, 0, 2, 3, dtype)},
                    .reference = reduction({1}, false, fold)});
}

template <class ReduceOp>
void add_empty(SampleList& list, Fold fold) {
  list.push_back({.label = "nothing",
                  .op = ReduceOp{{1}, false},
                  .inputs = {Tensor(DType::f64, {3, 0})},
                  .reference = reduction({1}, false, fold)});
}

inline double sum_of(const std::vector<double>& x) {
  double total = 0;
  for (double v : x) total += v;
  return total;
}
inline double product_of(const std::vector<double>& x) {
  double total = 1;
  for (double v : x) total *= v;
  return total;
}
inline double mean_of(const std::vector<double>& x) { return sum_of(x) / static_cast<double>(x.size()); }
inline double largest_of(const std::vector<double>& x) { return *std::max_element(x.begin(), x.end()); }
inline double smallest_of(const std::vector<double>& x) { return *std::min_element(x.begin(), x.end()); }
inline double any_of(const std::vector<double>& x) {
  return std::any_of(x.begin(), x.end(), [](double v) { return v != 0; });
}
inline double all_of(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return v != 0; });
}

template <>
struct Samples<Sum> {
  static SampleList make() {
    SampleList list = reductions<Sum>(sum_of, -1, 1, 30);
    add_typed<Sum>(list, sum_of, {DType::i32, DType::i64, DType::u8, DType::boolean});
    add_empty<Sum>(list, sum_of);
    return list;
  }
};
template <>
struct Samples<Mean> {
  static SampleList make() {
    SampleList list = reductions<Mean>(mean_of, -1, 1);
    add_typed<Mean>(list, mean_of, {DType::i32, DType::boolean});
    return list;
  }
};
template <>
struct Samples<ReduceMax> {
  static SampleList make() {
    SampleList list = reductions<ReduceMax>(largest_of, 0, 0, 1, true);
    add_typed<ReduceMax>(list, largest_of, {DType::i32, DType::u8, DType::boolean});
    for (Sample& s : list) s.slope_tolerance = 1e-5;
    return list;
  }
};
template <>
struct Samples<ReduceMin> {
  static SampleList make() {
    SampleList list = reductions<ReduceMin>(smallest_of, 0, 0, 1, true);
    add_typed<ReduceMin>(list, smallest_of, {DType::i32, DType::u8, DType::boolean});
    return list;
  }
};
template <>
struct Samples<Prod> {
  static SampleList make() {
    SampleList list = reductions<Prod>(product_of, 0.999, 1.001, 1);
    for (Sample& s : list) s.tolerance = 1e-4;  // up to 50,000 factors, each rounded
    for (Sample& s : list) s.double_tolerance = 1e-11;
    add_typed<Prod>(list, product_of, {DType::i32, DType::boolean});
    Tensor zeros = uniform({4, 6}, 0.5, 1.5, 9);  // rows with no zero, one and two
    for (const std::size_t at : {7u, 14u, 16u}) zeros.mutable_data<double>()[at] = 0;
    list.push_back(
        {.label = "zeros", .op = Prod{{1}, false}, .inputs = {zeros}, .reference = reduction({1}, false, product_of)});
    add_empty<Prod>(list, product_of);
    return list;
  }
};
template <>
struct Samples<Any> {
  static SampleList make() {
    SampleList list;
    for (Sample& s : reductions<Any>(any_of, 0, 1)) {
      s.inputs = {integers(s.inputs[0].shape(), 0, 2, 5, DType::boolean)};
      list.push_back(s);
    }
    add_typed<Any>(list, any_of, {DType::i32, DType::f64});
    add_empty<Any>(list, any_of);
    return list;
  }
};
template <>
struct Samples<All> {
  static SampleList make() {
    SampleList list;
    for (Sample& s : reductions<All>(all_of, 0, 1)) {
      s.inputs = {integers(s.inputs[0].shape(), 0, 2, 5, DType::boolean)};
      list.push_back(s);
    }
    add_typed<All>(list, all_of, {DType::i32, DType::f64});
    add_empty<All>(list, all_of);
    return list;
  }
};
template <>
struct Samples<FirstOrderOnly> {
  static SampleList make() {
    Sample s{.label = "identity", .op = FirstOrderOnly{"test"}, .slope = Slope::refused};
    s.inputs = {uniform({3, 4}, -1, 1, 1)};
    s.reference = [](const Arrays& in) { return in; };
    return {s};
  }
};

/// Position of the first element along an axis that no other beats.
inline Reference position(std::int64_t axis, bool keepdims, bool largest) {
  return [=](const Arrays& in) {
    const Shape& shape = in[0].shape;
    const auto at = static_cast<std::size_t>(normalize_axis(axis, shape.rank(), "reference"));
    Shape kept = shape, result;
    kept[static_cast<std::int64_t>(at)] = 1;
    for (std::size_t i = 0; i < static_cast<std::size_t>(shape.rank()); ++i)
      if (keepdims || i != at) result.push_back(kept[static_cast<std::int64_t>(i)]);
    Array out = built(kept, [&](const Index& index) {
      Index best = index, i = index;
      for (; i[at] < shape[static_cast<std::int64_t>(at)]; ++i[at])
        if (largest ? in[0].at(i) > in[0].at(best) : in[0].at(i) < in[0].at(best)) best = i;
      return static_cast<double>(best[at]);
    });
    out.shape = result;
    return Arrays{out};
  };
}

template <class ArgOp>
SampleList positions(bool largest) {
  SampleList list;
  for (const std::int64_t axis : {0, 1, -1})
    for (const DType dtype : {DType::f64, DType::i32, DType::u8})  // few numbers, so that equal ones occur
      list.push_back({.label = "axis " + std::to_string(axis) + " " + std::string(to_string(dtype)),
                      .op = ArgOp{axis, axis == 1},
                      .inputs = {integers({4, 5, 70}, 0, 30, 3, dtype)},
                      .reference = position(axis, axis == 1, largest)});
  return list;
}
template <>
struct Samples<ArgMax> {
  static SampleList make() { return positions<ArgMax>(true); }
};
template <>
struct Samples<ArgMin> {
  static SampleList make() { return positions<ArgMin>(false); }
};

inline Reference top_k_reference(std::int64_t k) {
  return [k](const Arrays& in) {
    const std::int64_t n = in[0].shape.back();
    Shape shape = in[0].shape;
    shape[-1] = k;
    Array values{shape, {}}, indices{shape, {}};
    for (std::size_t row = 0; row * static_cast<std::size_t>(n) < in[0].data.size(); ++row) {
      std::vector<std::size_t> order(static_cast<std::size_t>(n));
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
      const double* x = in[0].data.data() + row * order.size();
      std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] > x[b]; });
      for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
        values.data.push_back(x[order[i]]);
        indices.data.push_back(static_cast<double>(order[i]));
      }
    }
    return Arrays{values, indices};
  };
}
template <>
struct Samples<TopK> {
  static SampleList make() {
    SampleList list;
    for (const std::int64_t k : {0, 1, 3, 11})
      list.push_back({.label = "k " + std::to_string(k),
                      .op = TopK{k},
                      .inputs = {shuffled({2, 3, 11}, 0.1, 3)},
                      .reference = top_k_reference(k)});
    list.push_back(
        {.label = "i32", .op = TopK{4}, .inputs = {integers({5, 9}, 0, 5, 3)}, .reference = top_k_reference(4)});
    return list;
  }
};
/// Different indices in each row.
inline Tensor row_indices() { return Tensor::from<std::int64_t>({3, 2}, {4, 1, 0, 2, 3, 4}); }
template <>
struct Samples<TopKGradient> {
  static SampleList make() {
    return {{.label = "rows",
             .op = TopKGradient{5},
             .inputs = {uniform({3, 2}, -1, 1, 1), row_indices()},
             .reference = [](const Arrays& in) {
               Array out = built({3, 5}, [](const Index&) { return 0.0; });
               for_each_index({3, 2}, [&](const Index& i) {
                 out.at({i[0], static_cast<std::int64_t>(in[1].at(i))}) = in[0].at(i);
               });
               return Arrays{out};
             }}};
  }
};
template <>
struct Samples<TopKSelect> {
  static SampleList make() {
    return {{.label = "rows",
             .op = TopKSelect{},
             .inputs = {uniform({3, 5}, -1, 1, 1), row_indices()},
             .reference = [](const Arrays& in) {
               return Arrays{built({3, 2}, [&](const Index& i) {
                 return in[0].at({i[0], static_cast<std::int64_t>(in[1].at(i))});
               })};
             }}};
  }
};
template <>
struct Samples<InTopK> {
  static SampleList make() {
    SampleList list;
    for (const DType dtype : {DType::i32, DType::i64})
      list.push_back({.label = std::string(to_string(dtype)),
                      .op = InTopK{2},
                      .inputs = {integers({20}, -1, 8, 1, dtype), to_dtype(integers({20, 7}, 0, 5, 2), DType::f64)},
                      .reference = [](const Arrays& in) {
                        return Arrays{built({20}, [&](const Index& i) {
                          const auto target = static_cast<std::int64_t>(in[0].at(i));
                          if (target < 0 || target >= 7) return 0.0;
                          int larger = 0;
                          for (std::int64_t c = 0; c < 7; ++c) larger += in[1].at({i[0], c}) > in[1].at({i[0], target});
                          return larger < 2 ? 1.0 : 0.0;
                        })};
                      }});
    return list;
  }
};

}  // namespace strata::harness
