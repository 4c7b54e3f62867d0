#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/device/tensor.h"

namespace strata::harness {

/// Position in an array, one number for each axis.
using Index = std::vector<std::int64_t>;

/// Numbers as a naive program keeps them, whatever the element type: what references read and write.
struct Array {
  Shape shape = {};
  std::vector<double> data = {};

  double& at(const Index& index) { return data[offset(index)]; }
  double at(const Index& index) const { return data[offset(index)]; }
  /// The element that broadcasting puts at `index` of a larger array.
  double broadcast_at(const Index& index) const;
  std::size_t offset(const Index& index) const;
};
using Arrays = std::vector<Array>;

Array array_of(const Tensor&);
Arrays arrays_of(const Tensors&);
/// The array whose element at each index is f(index).
Array built(const Shape&, const std::function<double(const Index&)>& f);
/// Calls f for every index of the shape, last axis fastest.
void for_each_index(const Shape&, const std::function<void(const Index&)>& f);

/// Seeded samples. Floating ones are f64; the harness makes f32 of them where it needs to.
Tensor uniform(const Shape&, double low, double high, unsigned seed);
/// low, ..., high - 1.
Tensor integers(const Shape&, std::int64_t low, std::int64_t high, unsigned seed, DType dtype = DType::i32);
/// Different numbers in random order, `gap` apart: nothing to choose between is ever a tie.
Tensor shuffled(const Shape&, double gap, unsigned seed);
Tensor to_dtype(const Tensor&, DType);

}  // namespace strata::harness
