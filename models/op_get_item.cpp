#include "core/base/argument_fields.h"
#include "core/base/json.h"
#include "core/ops/ops.h"
#include "models/op_classes.h"

namespace strata {

namespace {
/// One place of x[...]: a slice or a position.
struct Place {
  std::int64_t begin = 0, end = slice_end, step = 1;
  bool single = false;
};

Place read_place(const std::string& where, const ConfigValue& key) {
  if (const auto* position = std::get_if<std::int64_t>(&key.variant()))
    return {*position, *position == -1 ? slice_end : *position + 1, 1, true};
  const auto* object = std::get_if<Config>(&key.variant());
  if (object == nullptr || !object->contains("class_name") || !(object->at("class_name") == ConfigValue("__slice__")))
    fail_expected(where, "slices and positions", to_json(key));
  const Config& slice = object->at("config").as_config();
  Place place;
  const auto read = [&](const char* part, std::int64_t& value) {
    if (slice.contains(part) && !slice.at(part).is_null()) from_config(slice.at(part), value);
  };
  read("start", place.begin);
  read("stop", place.end);
  read("step", place.step);
  return place;
}

Symbols call_get_item(const std::string& name, const Config& config, const CallArguments& arguments) {
  const std::string where = where_of("GetItem", name);
  read_arguments(
      where, config, [](auto&, auto&) {}, config);
  if (arguments.size() != 2 || !arguments[0].symbol.defined())
    fail_expected(where, "a tensor and its places", std::to_string(arguments.size()) + " arguments");
  const ConfigValue& keys = arguments[1].constant;
  const auto* several = std::get_if<ConfigValue::List>(&keys.variant());
  Slice slice;
  Squeeze squeeze;
  for (const ConfigValue& key : several ? *several : ConfigValue::List{keys}) {
    const Place place = read_place(where, key);
    if (place.single) squeeze.axes.push_back(static_cast<std::int64_t>(slice.begin.size()));
    slice.begin.push_back(place.begin);
    slice.end.push_back(place.end);
    slice.strides.push_back(place.step);
  }
  const auto step = [](const Op& op, const std::string& step_name, const Symbol& x) {
    return call_symbols(
        std::make_shared<OpLayer>(op, detail::AnyOperands{x}, detail::Promotion{detail::Promotion::none}, step_name),
        {x});
  };
  if (squeeze.axes.empty()) return step(slice, name, arguments[0].symbol);
  return step(squeeze, name, step(slice, name + "_slice", arguments[0].symbol)[0]);
}

std::optional<OpDescription> describe_slice(const OpLayer& layer) {
  const auto* op = layer.op().as<Slice>();
  if (op == nullptr) return std::nullopt;
  ConfigValue::List keys;
  const auto part = [](const std::vector<std::int64_t>& all, std::size_t i, std::int64_t usual) {
    return i < all.size() && all[i] != usual ? ConfigValue(all[i]) : ConfigValue(nullptr);
  };
  for (std::size_t i = 0; i < op->begin.size(); ++i)
    keys.push_back(Config{{"class_name", "__slice__"},
                          {"config", Config{{"start", part(op->begin, i, 0)},
                                            {"stop", part(op->end, i, slice_end)},
                                            {"step", part(op->strides, i, 1)}}}});
  return OpDescription{"keras.src.ops.numpy", "GetItem", {}, {{}, {.constant = keys}}};
}
}  // namespace

OpClass get_item_class() { return {"keras.src.ops.numpy", "GetItem", describe_slice, call_get_item}; }

}  // namespace strata
