#include "layers/arguments.h"

#include <algorithm>

#include "core/base/argument_fields.h"
#include "core/base/json.h"

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

template <std::size_t N>
ConfigValue list_of(const std::array<std::int64_t, N>& axes) {
  return ConfigValue::List(axes.begin(), axes.end());
}
}  // namespace

ConfigValue to_config(const Size1& s) { return list_of(s.axes()); }
ConfigValue to_config(const Size2& s) { return list_of(s.axes()); }
ConfigValue to_config(const Size3& s) { return list_of(s.axes()); }

ConfigValue to_config(const Margins2& m) {
  return ConfigValue::List{ConfigValue::List{m.height.before, m.height.after},
                           ConfigValue::List{m.width.before, m.width.after}};
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

void from_config(const ConfigValue& c, Margins2& m) {
  if (is_list(c) && c.as_list().size() == 2 && is_list(c.as_list()[0])) {
    const auto height = integers<2>(c.as_list()[0]), width = integers<2>(c.as_list()[1]);
    m = {Margins2::Side{height[0], height[1]}, Margins2::Side{width[0], width[1]}};
    return;
  }
  const auto read = integers<2>(c);
  m = {read[0], read[1]};
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
