#include "core/base/shape.h"

#include <algorithm>
#include <numeric>

#include "core/base/error.h"

namespace strata {

namespace {
std::string joined(const Shape& shape, std::string_view separator, std::string_view open) {
  std::string text;
  for (std::int64_t d : shape) {
    if (!text.empty()) text.append(separator);
    text.append(d == open_dim ? std::string(open) : std::to_string(d));
  }
  return text;
}
}  // namespace

std::size_t Shape::index(std::int64_t axis) const {
  const auto n = static_cast<std::int64_t>(dims_.size());
  if (axis < -n || axis >= n)
    fail_expected("shape", "an axis of " + to_string(*this), "axis " + std::to_string(axis));
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

std::int64_t Shape::elements() const {
  // Sizes may come from a file. Below this bound the bytes of any element type can be counted, too.
  constexpr std::int64_t most = std::int64_t{1} << 59;
  std::int64_t count = 1;
  for (const std::int64_t d : dims_)
    if (d == 0 || __builtin_mul_overflow(count, d, &count) || count > most) {
      if (std::find(dims_.begin(), dims_.end(), 0) != dims_.end()) return 0;
      fail_expected("shape", "at most 2^59 elements", to_string(*this));
    }
  return count;
}

bool Shape::has_open_dim() const { return std::find(dims_.begin(), dims_.end(), open_dim) != dims_.end(); }

Shape Shape::slice(int first, int last) const {
  return Shape(std::vector<std::int64_t>(dims_.begin() + first, dims_.begin() + last));
}

std::string to_string(const Shape& shape) { return "[" + joined(shape, ",", "?") + "]"; }

std::string to_keras_string(const Shape& shape) {
  return "(" + joined(shape, ", ", "None") + (shape.rank() == 1 ? ",)" : ")");
}

std::string to_string(const Type& type) { return std::string(to_string(type.dtype)) + to_string(type.shape); }

Shape broadcast(const Shape& a, const Shape& b, std::string_view where) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<std::int64_t> dims(static_cast<std::size_t>(rank));
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t da = i <= a.rank() ? a[-i] : 1, db = i <= b.rank() ? b[-i] : 1;
    if (da != db && da != 1 && db != 1)
      fail_expected(where, "shapes that broadcast (sizes equal or 1, aligned at the last axis)",
                    to_string(a) + " and " + to_string(b));
    dims[static_cast<std::size_t>(rank - i)] = da == 1 ? db : da;
  }
  return Shape(std::move(dims));
}

int normalize_axis(std::int64_t axis, int rank, std::string_view where) {
  if (axis < -rank || axis >= rank)
    fail_expected(where, "an axis in [" + std::to_string(-rank) + ", " + std::to_string(rank) + ")",
                  "axis " + std::to_string(axis));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Axes normalize_axes(const Axes& axes, int rank, std::string_view where) {
  Axes out;
  if (axes.empty()) {
    out.resize(static_cast<std::size_t>(rank));
    std::iota(out.begin(), out.end(), 0);
    return out;
  }
  for (std::int64_t a : axes) out.push_back(normalize_axis(a, rank, where));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end())
    fail_expected(where, "axes that differ", to_string(Shape(axes)));
  return out;
}

std::vector<std::int64_t> row_major_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 1);
  // Of an array without elements, whose other sizes nothing bounds, a stride may be anything.
  for (int i = shape.rank() - 2; i >= 0; --i)
    if (__builtin_mul_overflow(strides[static_cast<std::size_t>(i) + 1], shape[i + 1],
                               &strides[static_cast<std::size_t>(i)]))
      strides[static_cast<std::size_t>(i)] = 0;
  return strides;
}

}  // namespace strata
