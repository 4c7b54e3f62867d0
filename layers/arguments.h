#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/config.h"

namespace strata {

/// The one size of a window over a sequence.
struct Size1 {
  std::int64_t length = 1;
  constexpr Size1() = default;
  constexpr Size1(std::int64_t l) : length(l) {}
  constexpr std::array<std::int64_t, 1> axes() const { return {length}; }
  friend bool operator==(const Size1&, const Size1&) = default;
};

/// Height and width; one number stands for both: `3`, `{3, 5}`.
struct Size2 {
  std::int64_t height = 1, width = 1;
  constexpr Size2() = default;
  constexpr Size2(std::int64_t both) : height(both), width(both) {}
  constexpr Size2(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  constexpr std::array<std::int64_t, 2> axes() const { return {height, width}; }
  friend bool operator==(const Size2&, const Size2&) = default;
};

/// Depth, height and width; one number stands for all: `3`, `{1, 3, 3}`.
struct Size3 {
  std::int64_t depth = 1, height = 1, width = 1;
  constexpr Size3() = default;
  constexpr Size3(std::int64_t all) : depth(all), height(all), width(all) {}
  constexpr Size3(std::int64_t d, std::int64_t h, std::int64_t w) : depth(d), height(h), width(w) {}
  constexpr std::array<std::int64_t, 3> axes() const { return {depth, height, width}; }
  friend bool operator==(const Size3&, const Size3&) = default;
};

/// The size of a window along N axes.
template <std::size_t N>
using Size = std::tuple_element_t<N - 1, std::tuple<Size1, Size2, Size3>>;

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

// In configs: sizes as a list (from a number, too), margins as two lists of two, axes as a number or a list.
STRATA_API ConfigValue to_config(const Size1&);
STRATA_API ConfigValue to_config(const Size2&);
STRATA_API ConfigValue to_config(const Size3&);
STRATA_API ConfigValue to_config(const Margins2&);
STRATA_API ConfigValue to_config(const AxisArgument&);
STRATA_API void from_config(const ConfigValue&, Size1&);
STRATA_API void from_config(const ConfigValue&, Size2&);
STRATA_API void from_config(const ConfigValue&, Size3&);
STRATA_API void from_config(const ConfigValue&, Margins2&);
STRATA_API void from_config(const ConfigValue&, AxisArgument&);

}  // namespace strata
