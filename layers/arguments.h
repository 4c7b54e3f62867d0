#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "core/base/config.h"

namespace strata {

/// Height and width; one number stands for both: `3`, `{3, 5}`.
struct Size2 {
  std::int64_t height = 1, width = 1;
  constexpr Size2() = default;
  constexpr Size2(std::int64_t both) : height(both), width(both) {}
  constexpr Size2(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  friend bool operator==(const Size2&, const Size2&) = default;
};

/// Rows and columns put around an image: `1` on all sides, `{1, 2}` for height and width, `{{0, 1}, {2, 0}}` for
/// (top, bottom) and (left, right).
struct Margins2 {
  struct Side {
    std::int64_t before = 0, after = 0;
    friend bool operator==(const Side&, const Side&) = default;
  };
  Side height, width;
  constexpr Margins2() = default;
  constexpr Margins2(std::int64_t all) : height{all, all}, width{all, all} {}
  constexpr Margins2(std::int64_t h, std::int64_t w) : height{h, h}, width{w, w} {}
  constexpr Margins2(Side h, Side w) : height(h), width(w) {}
  friend bool operator==(const Margins2&, const Margins2&) = default;
};

/// One axis or several: `-1`, `{1, 2}`.
struct AxisArgument {
  std::vector<std::int64_t> axes;
  bool single = false;  ///< given as one number, and written so into a config
  AxisArgument(int axis) : axes{axis}, single(true) {}
  AxisArgument(std::int64_t axis) : axes{axis}, single(true) {}
  AxisArgument(std::initializer_list<std::int64_t> several) : axes(several) {}
  AxisArgument(std::vector<std::int64_t> several) : axes(std::move(several)) {}
};

// In configs: a size as a list of two (from a number, too), margins as two lists of two, axes as a number or a list.
STRATA_API ConfigValue to_config(const Size2&);
STRATA_API ConfigValue to_config(const Margins2&);
STRATA_API ConfigValue to_config(const AxisArgument&);
STRATA_API void from_config(const ConfigValue&, Size2&);
STRATA_API void from_config(const ConfigValue&, Margins2&);
STRATA_API void from_config(const ConfigValue&, AxisArgument&);

}  // namespace strata
