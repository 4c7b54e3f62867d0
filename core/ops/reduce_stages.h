#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/shape.h"
#include "core/kernels/elements.h"
#include "core/kernels/math_basic.h"

/// What reductions are on every device. For source files only.
namespace strata::reduction {

/// What two partial results become; the functions work on numbers and on vectors of them alike.
struct Plus {
  template <class V>
  STRATA_HD static V combine(V a, V b) {
    return a + b;
  }
  template <class T>
  static constexpr T identity() {
    return T{0};
  }
};
struct Times {
  template <class V>
  STRATA_HD static V combine(V a, V b) {
    return a * b;
  }
  template <class T>
  static constexpr T identity() {
    return T{1};
  }
};
/// NaN if either is.
struct Larger {
  template <class V>
  STRATA_HD static V combine(V a, V b) {
    const V larger = a > b ? a : b;
    return a == a ? larger : a;
  }
  template <class T>
  static constexpr T identity() {
    return std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  }
};
struct Smaller {
  template <class V>
  STRATA_HD static V combine(V a, V b) {
    const V smaller = a < b ? a : b;
    return a == a ? smaller : a;
  }
  template <class T>
  static constexpr T identity() {
    return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  }
};
struct Or {
  template <class V>
  STRATA_HD static V combine(V a, V b) {
    return a | b;
  }
  template <class T>
  static constexpr T identity() {
    return T{0};
  }
};
struct And {
  template <class V>
  STRATA_HD static V combine(V a, V b) {
    return a & b;
  }
  template <class T>
  static constexpr T identity() {
    return T{1};
  }
};

/// Reads element i for accumulation; truth only where partial results are bits.
template <class C, class Acc, class In>
STRATA_HD inline Acc read(In x) {
  if constexpr (std::same_as<C, Or> || std::same_as<C, And>)
    return static_cast<Acc>(tiles::load(x) != 0);
  else
    return static_cast<Acc>(tiles::load(x));
}

/// [outer, reduced, inner] -> [outer, inner].
struct Stage {
  std::size_t outer = 1, reduced = 1, inner = 1;
  std::size_t results() const { return outer * inner; }
};

/// The axes in runs that are reduced or kept together, reduced run by run from the last to the first.
inline std::vector<Stage> stages_of(const Shape& shape, const Axes& axes) {
  std::vector<std::pair<std::size_t, bool>> runs;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    const auto size = static_cast<std::size_t>(shape[i]);
    if (size == 1) continue;
    if (!runs.empty() && runs.back().second == reduced)
      runs.back().first *= size;
    else
      runs.emplace_back(size, reduced);
  }
  std::vector<Stage> stages;
  std::size_t inner = 1;
  for (std::size_t i = runs.size(); i-- > 0;) {
    if (!runs[i].second) {
      inner *= runs[i].first;
      continue;
    }
    Stage s{1, runs[i].first, inner};
    for (std::size_t before = 0; before < i; ++before) s.outer *= runs[before].first;
    stages.push_back(s);
  }
  if (stages.empty()) stages.push_back({1, 1, inner});
  return stages;
}

/// The stage that reduces one axis, which `axis` counts as everywhere.
inline Stage stage_along(const Shape& shape, std::int64_t axis, std::string_view name) {
  Stage s;
  const int at = normalize_axis(axis, shape.rank(), name);
  for (int i = 0; i < shape.rank(); ++i)
    (i < at ? s.outer : i == at ? s.reduced : s.inner) *= static_cast<std::size_t>(shape[i]);
  return s;
}

}  // namespace strata::reduction
