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

/// What is put around one axis, or cut off: `1` on both sides, `{1, 2}` before and after.
struct Margin {
  std::int64_t before = 0, after = 0;
  constexpr Margin() = default;
  constexpr Margin(std::int64_t both) : before(both), after(both) {}
  constexpr Margin(std::int64_t b, std::int64_t a) : before(b), after(a) {}
  friend bool operator==(const Margin&, const Margin&) = default;
};

/// The same for the rows and columns of an image: `1` on all sides, `{1, 2}` for height and width, `{{0, 1}, {2, 0}}` for
/// (top, bottom) and (left, right).
struct Margins2 {
  Margin height, width;
  constexpr Margins2() = default;
  constexpr Margins2(std::int64_t all) : height(all), width(all) {}
  constexpr Margins2(std::int64_t h, std::int64_t w) : height(h), width(w) {}
  constexpr Margins2(Margin h, Margin w) : height(h), width(w) {}
  friend bool operator==(const Margins2&, const Margins2&) = default;
};

/// The same for the three axes of a volume.
struct Margins3 {
  Margin depth, height, width;
  constexpr Margins3() = default;
  constexpr Margins3(std::int64_t all) : depth(all), height(all), width(all) {}
  constexpr Margins3(std::int64_t a, std::int64_t b, std::int64_t c) : depth(a), height(b), width(c) {}
  constexpr Margins3(Margin a, Margin b, Margin c) : depth(a), height(b), width(c) {}
  friend bool operator==(const Margins3&, const Margins3&) = default;
};

/// Sizes of axes, where -1 (open_dim) stands for None: to be taken from the input.
struct Sizes : std::vector<std::int64_t> {
  using std::vector<std::int64_t>::vector;
};
/// The same where no list at all stands for None, too.
struct OptionalSizes : Sizes {
  using Sizes::Sizes;
};

/// One axis or several: `-1`, `{1, 2}`.
struct AxisArgument {
  std::vector<std::int64_t> axes;
  bool single = false;  ///< given as one number, and written so into a config
  AxisArgument() = default;
  AxisArgument(int axis) : axes{axis}, single(true) {}
  AxisArgument(std::int64_t axis) : axes{axis}, single(true) {}
  AxisArgument(std::initializer_list<std::int64_t> several) : axes(several) {}
  AxisArgument(std::vector<std::int64_t> several) : axes(std::move(several)) {}
};

// In configs: a size as a list (from a number, too), margins as a list of two or a list of such lists, sizes as a
// list (from a number, too), axes as a number or a list.
STRATA_API ConfigValue to_config(const Size1&);
STRATA_API ConfigValue to_config(const Size2&);
STRATA_API ConfigValue to_config(const Size3&);
STRATA_API ConfigValue to_config(const Margin&);
STRATA_API ConfigValue to_config(const Margins2&);
STRATA_API ConfigValue to_config(const Margins3&);
STRATA_API ConfigValue to_config(const Sizes&);
STRATA_API ConfigValue to_config(const OptionalSizes&);
STRATA_API ConfigValue to_config(const AxisArgument&);
STRATA_API void from_config(const ConfigValue&, Size1&);
STRATA_API void from_config(const ConfigValue&, Size2&);
STRATA_API void from_config(const ConfigValue&, Size3&);
STRATA_API void from_config(const ConfigValue&, Margin&);
STRATA_API void from_config(const ConfigValue&, Margins2&);
STRATA_API void from_config(const ConfigValue&, Margins3&);
STRATA_API void from_config(const ConfigValue&, Sizes&);
STRATA_API void from_config(const ConfigValue&, OptionalSizes&);
STRATA_API void from_config(const ConfigValue&, AxisArgument&);

}  // namespace strata
