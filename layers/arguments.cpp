#include "layers/arguments.h"

#include "core/base/argument_fields.h"
#include "core/base/json.h"

namespace strata {

namespace {
bool is_list(const ConfigValue& c) { return std::holds_alternative<ConfigValue::List>(c.variant()); }

std::vector<std::int64_t> two_integers(const ConfigValue& c) {
  std::vector<std::int64_t> read;
  if (is_list(c)) {
    from_config(c, read);
  } else {
    std::int64_t both = 0;
    from_config(c, both);
    read = {both, both};
  }
  if (read.size() != 2) fail_expected("config", "an integer or a list of two integers", to_json(c));
  return read;
}
}  // namespace

ConfigValue to_config(const Size2& s) { return ConfigValue::List{s.height, s.width}; }

ConfigValue to_config(const Margins2& m) {
  return ConfigValue::List{ConfigValue::List{m.height.before, m.height.after},
                           ConfigValue::List{m.width.before, m.width.after}};
}

ConfigValue to_config(const AxisArgument& a) { return a.single ? ConfigValue(a.axes.front()) : ConfigValue(a.axes); }

void from_config(const ConfigValue& c, Size2& s) {
  const auto read = two_integers(c);
  s = {read[0], read[1]};
}

void from_config(const ConfigValue& c, Margins2& m) {
  if (is_list(c) && c.as_list().size() == 2 && is_list(c.as_list()[0])) {
    const auto height = two_integers(c.as_list()[0]), width = two_integers(c.as_list()[1]);
    m = {Margins2::Side{height[0], height[1]}, Margins2::Side{width[0], width[1]}};
    return;
  }
  const auto read = two_integers(c);
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
