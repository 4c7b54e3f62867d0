#include "layers/numbers.h"

#include "core/base/argument_fields.h"
#include "core/base/json.h"
#include "core/graph/apply.h"

namespace strata {

Numbers::Numbers(double number) : array(Tensor::scalar(number)) {}
Numbers::Numbers(std::initializer_list<double> list) : Numbers(std::vector<double>(list)) {}
Numbers::Numbers(const std::vector<double>& list)
    : array(Tensor::from({static_cast<std::int64_t>(list.size())}, list)) {}
Numbers::Numbers(const Tensor& numbers) : array(cast(numbers, DType::f64)) {}

namespace {
ConfigValue nested(const Tensor& t, int axis, std::int64_t& next) {
  if (axis == t.shape().rank()) return t.at<double>(next++);
  ConfigValue::List list;
  for (std::int64_t i = 0; i < t.shape()[axis]; ++i) list.push_back(nested(t, axis + 1, next));
  return list;
}

/// Appends the numbers of nested lists; `shape` is that of the first lists on each level, which the others must have.
void collect(const ConfigValue& c, int axis, const Shape& shape, std::vector<double>& values) {
  const auto* list = std::get_if<ConfigValue::List>(&c.variant());
  if (axis == shape.rank() && !list) {
    from_config(c, values.emplace_back());
    return;
  }
  if (axis == shape.rank() || !list || static_cast<std::int64_t>(list->size()) != shape[axis])
    fail_expected("config", "a number or lists of one length", to_json(c));
  for (const ConfigValue& item : *list) collect(item, axis + 1, shape, values);
}
}  // namespace

ConfigValue to_config(const Numbers& numbers) {
  std::int64_t next = 0;
  if (!numbers.given()) return nullptr;
  return nested(numbers.array, 0, next);
}

void from_config(const ConfigValue& c, Numbers& numbers) {
  if (c.is_null()) {
    numbers = {};
    return;
  }
  Shape shape;
  for (const ConfigValue* at = &c; const auto* list = std::get_if<ConfigValue::List>(&at->variant());
       at = &list->front()) {
    if (list->empty()) fail_expected("config", "a number or lists of numbers", to_json(c));
    shape.push_back(static_cast<std::int64_t>(list->size()));
  }
  std::vector<double> values;
  collect(c, 0, shape, values);
  numbers.array = Tensor::from(shape, values);
}

}  // namespace strata
