#pragma once

#include "tests/core/ops/harness/samples_unary.h"

namespace strata::harness {

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

}  // namespace strata::harness
