#include "tests/core/ops/harness/arrays.h"

#include <algorithm>
#include <random>

namespace strata::harness {

std::size_t Array::offset(const Index& index) const {
  std::int64_t at = 0;
  for (std::size_t axis = 0; axis < index.size(); ++axis)
    at = at * shape[static_cast<std::int64_t>(axis)] + index[axis];
  return static_cast<std::size_t>(at);
}

double Array::broadcast_at(const Index& index) const {
  const std::size_t skipped = index.size() - static_cast<std::size_t>(shape.rank());
  Index own(index.begin() + static_cast<std::ptrdiff_t>(skipped), index.end());
  for (std::size_t axis = 0; axis < own.size(); ++axis)
    if (shape[static_cast<std::int64_t>(axis)] == 1) own[axis] = 0;
  return at(own);
}

Array array_of(const Tensor& t) {
  Array a{t.shape(), {}};
  for (std::int64_t i = 0; i < t.size(); ++i) a.data.push_back(t.at<double>(i));
  return a;
}

Arrays arrays_of(const Tensors& tensors) {
  Arrays all;
  for (const Tensor& t : tensors) all.push_back(array_of(t));
  return all;
}

void for_each_index(const Shape& shape, const std::function<void(const Index&)>& f) {
  Index index(static_cast<std::size_t>(shape.rank()), 0);
  for (std::int64_t left = shape.elements(); left > 0; --left) {
    f(index);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < shape[static_cast<std::int64_t>(axis)]) break;
      index[axis] = 0;
    }
  }
}

Array built(const Shape& shape, const std::function<double(const Index&)>& f) {
  Array a{shape, {}};
  for_each_index(shape, [&](const Index& index) { a.data.push_back(f(index)); });
  return a;
}

Tensor uniform(const Shape& shape, double low, double high, unsigned seed) {
  std::mt19937_64 generator(seed);
  Tensor t(DType::f64, shape);
  for (double& x : t.mutable_data<double>()) x = low + (high - low) * static_cast<double>(generator() >> 11) * 0x1p-53;
  return t;
}

Tensor integers(const Shape& shape, std::int64_t low, std::int64_t high, unsigned seed, DType dtype) {
  std::mt19937_64 generator(seed);
  Tensor t(DType::i64, shape);
  for (std::int64_t& x : t.mutable_data<std::int64_t>())
    x = low + static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(high - low));
  return to_dtype(t, dtype);
}

Tensor shuffled(const Shape& shape, double gap, unsigned seed) {
  std::mt19937_64 generator(seed);
  Tensor t(DType::f64, shape);
  const auto x = t.mutable_data<double>();
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = gap * (static_cast<double>(i) - static_cast<double>(x.size()) / 2);
  for (std::size_t i = x.size(); i > 1; --i) std::swap(x[i - 1], x[generator() % i]);
  return t;
}

Tensor to_dtype(const Tensor& t, DType dtype) {
  if (t.dtype() == dtype) return t;
  Tensor out(dtype, t.shape());
  dispatch(dtype, [&]<class T>() {
    const auto y = out.mutable_data<T>();
    for (std::int64_t i = 0; i < t.size(); ++i) {
      T& element = y[static_cast<std::size_t>(i)];
      if constexpr (std::same_as<T, Half>)
        element = to_half(t.at<float>(i));
      else if constexpr (std::same_as<T, BFloat16>)
        element = to_bfloat16(t.at<float>(i));
      else
        element = t.at<T>(i);
    }
  });
  return out;
}

}  // namespace strata::harness
