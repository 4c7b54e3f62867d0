#include "layers/arguments.h"

#include <algorithm>
#include <array>

#include "core/base/argument_fields.h"
#include "core/base/json.h"
#include "core/base/shape.h"

namespace strata {

namespace {
bool is_list(const ConfigValue& c) { return std::holds_alternative<ConfigValue::List>(c.variant()); }

/// One number stands for all N.
template <std::size_t N>
std::array<std::int64_t, N> integers(const ConfigValue& c) {
  std::vector<std::int64_t> read;
  if (is_list(c)) {
    from_config(c, read);
  } else {
    std::int64_t all = 0;
    from_config(c, all);
    read.assign(N, all);
  }
  if (read.size() != N)
    fail_expected("config", "an integer or a list of " + (N == 1 ? "one integer" : std::to_string(N) + " integers"),
                  to_json(c));
  std::array<std::int64_t, N> result{};
  std::copy(read.begin(), read.end(), result.begin());
  return result;
}

/// One number for all axes; for each axis one number or two.
template <std::size_t N>
std::array<Margin, N> margins(const ConfigValue& c) {
  std::array<Margin, N> read;
  if (!is_list(c)) {
    from_config(c, read[0]);
    read.fill(read[0]);
    return read;
  }
  if (c.as_list().size() != N) fail_expected("config", "an integer or a list of " + std::to_string(N), to_json(c));
  for (std::size_t i = 0; i < N; ++i) from_config(c.as_list()[i], read[i]);
  return read;
}

template <std::size_t N>
ConfigValue list_of(const std::array<std::int64_t, N>& axes) {
  return ConfigValue::List(axes.begin(), axes.end());
}
}  // namespace

ConfigValue to_config(const Size1& s) { return list_of(s.axes()); }
ConfigValue to_config(const Size2& s) { return list_of(s.axes()); }
ConfigValue to_config(const Size3& s) { return list_of(s.axes()); }

ConfigValue to_config(const Margin& m) { return ConfigValue::List{m.before, m.after}; }

ConfigValue to_config(const Margins2& m) { return ConfigValue::List{to_config(m.height), to_config(m.width)}; }

ConfigValue to_config(const Margins3& m) {
  return ConfigValue::List{to_config(m.depth), to_config(m.height), to_config(m.width)};
}

ConfigValue to_config(const Sizes& sizes) {
  ConfigValue::List list;
  for (const std::int64_t size : sizes) {
    if (size == open_dim)
      list.emplace_back(nullptr);
    else
      list.emplace_back(size);
  }
  return list;
}

ConfigValue to_config(const OptionalSizes& sizes) {
  if (sizes.empty()) return nullptr;
  return to_config(static_cast<const Sizes&>(sizes));
}

ConfigValue to_config(const AxisArgument& a) { return a.single ? ConfigValue(a.axes.front()) : ConfigValue(a.axes); }

void from_config(const ConfigValue& c, Size1& s) { s = integers<1>(c)[0]; }

void from_config(const ConfigValue& c, Size2& s) {
  const auto [height, width] = integers<2>(c);
  s = {height, width};
}

void from_config(const ConfigValue& c, Size3& s) {
  const auto [depth, height, width] = integers<3>(c);
  s = {depth, height, width};
}

void from_config(const ConfigValue& c, Margin& m) {
  const auto read = integers<2>(c);
  m = {read[0], read[1]};
}

void from_config(const ConfigValue& c, Margins2& m) {
  const auto read = margins<2>(c);
  m = {read[0], read[1]};
}

void from_config(const ConfigValue& c, Margins3& m) {
  const auto read = margins<3>(c);
  m = {read[0], read[1], read[2]};
}

void from_config(const ConfigValue& c, Sizes& sizes) {
  const ConfigValue::List list = is_list(c) ? c.as_list() : ConfigValue::List{c};
  Sizes read;
  for (const ConfigValue& size : list) {
    if (size.is_null()) {
      read.push_back(open_dim);
    } else {
      from_config(size, read.emplace_back());
    }
  }
  sizes = std::move(read);
}

void from_config(const ConfigValue& c, OptionalSizes& sizes) {
  Sizes read;
  if (!c.is_null()) from_config(c, read);
  static_cast<Sizes&>(sizes) = std::move(read);
}

void from_config(const ConfigValue& c, AxisArgument& a) {
  if (is_list(c)) {
    std::vector<std::int64_t> several;
    from_config(c, several);
    a = AxisArgument(std::move(several));
  } else {
    std::int64_t one = 0;
    from_config(c, one);
    a = AxisArgument(one);
  }
}

}  // namespace strata
