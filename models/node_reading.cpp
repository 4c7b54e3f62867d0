#include "core/base/argument_fields.h"
#include "core/base/json.h"
#include "models/model_reading.h"

namespace strata {

namespace {
const ConfigValue::List* as_list(const ConfigValue& v) { return std::get_if<ConfigValue::List>(&v.variant()); }
const Config* as_object(const ConfigValue& v) { return std::get_if<Config>(&v.variant()); }
bool is_string(const ConfigValue& v) { return std::holds_alternative<std::string>(v.variant()); }

/// ["dense", 0, 0]
bool is_triple(const ConfigValue& v) {
  const auto* list = as_list(v);
  return list != nullptr && list->size() >= 3 && is_string((*list)[0]) && !is_string((*list)[1]) && !is_string((*list)[2]);
}

TensorRef read_triple(const ConfigValue& v, const std::string& where) {
  const auto* list = as_list(v);
  if (list == nullptr || list->size() < 3) fail_expected(where, "[layer, call, tensor]", to_json(v));
  TensorRef ref;
  from_config((*list)[0], ref.layer);
  from_config((*list)[1], ref.call);
  from_config((*list)[2], ref.tensor);
  if (ref.call < 0 || ref.tensor < 0) fail_expected(where, "[layer, call, tensor] with numbers from 0 on", to_json(v));
  return ref;
}

/// An argument as Keras 3 writes it; the depth is that of the JSON, which its reader bounds.
NodeArgument read_argument(const ConfigValue& v, const std::string& where) {
  if (const auto* list = as_list(v)) {
    NodeArgument argument{.kind = NodeArgument::Kind::list};
    bool any_tensor = false;
    for (const ConfigValue& item : *list) {
      argument.list.push_back(read_argument(item, where));
      any_tensor = any_tensor || argument.list.back().kind != NodeArgument::Kind::constant;
    }
    return any_tensor ? argument : NodeArgument{.constant = v};
  }
  const Config* object = as_object(v);
  if (object == nullptr || !object->contains("class_name") || !(object->at("class_name") == ConfigValue("__keras_tensor__")))
    return {.constant = v};
  const Config& tensor = member(*object, "config", where).as_config();
  return {.kind = NodeArgument::Kind::tensor, .tensor = read_triple(member(tensor, "keras_history", where), where)};
}

void read_keyword(NodeCall& call, const std::string& key, const ConfigValue& value, const std::string& where) {
  // What a layer was told about training holds for the call that made the file's graph; every call of the model says it anew.
  if (value.is_null() || key == "training") return;
  if (key == "reverse") return from_config(value, call.reverse);
  if (key != "mask") throw Error(where, "the call argument `" + key + "` is not supported; received " + to_json(value));
  const NodeArgument mask = is_triple(value) ? NodeArgument{.kind = NodeArgument::Kind::tensor, .tensor = read_triple(value, where)}
                                             : read_argument(value, where);
  call.masks = mask.kind == NodeArgument::Kind::list ? mask.list : std::vector<NodeArgument>{mask};
  for (const NodeArgument& m : call.masks)
    if (m.kind != NodeArgument::Kind::tensor && !m.constant.is_null())
      fail_expected(where, "tensors as `mask`", to_json(value));
}

NodeCall read_keras3_node(const Config& node, const std::string& where) {
  NodeCall call;
  for (const ConfigValue& a : member(node, "args", where).as_list()) call.arguments.push_back(read_argument(a, where));
  if (node.contains("kwargs"))
    for (const auto& [key, value] : node.at("kwargs").as_config().items()) read_keyword(call, key, value, where);
  return call;
}

/// [["a", 0, 0, {}], ["b", 0, 0, {}]]: several tensors are one list, as merging layers take them.
NodeCall read_keras2_node(const ConfigValue::List& node, const std::string& where) {
  NodeCall call;
  NodeArgument all{.kind = NodeArgument::Kind::list};
  for (const ConfigValue& item : node) {
    all.list.push_back({.kind = NodeArgument::Kind::tensor, .tensor = read_triple(item, where)});
    const ConfigValue::List& parts = item.as_list();
    if (parts.size() > 3)
      for (const auto& [key, value] : parts[3].as_config().items()) read_keyword(call, key, value, where);
  }
  call.arguments = all.list.size() == 1 ? all.list : std::vector<NodeArgument>{all};
  return call;
}

void collect(std::vector<NodeArgument>& arguments, std::vector<TensorRef*>& found) {
  for (NodeArgument& a : arguments) {
    if (a.kind == NodeArgument::Kind::tensor) found.push_back(&a.tensor);
    collect(a.list, found);
  }
}
}  // namespace

NodeCall read_node(const ConfigValue& node, const std::string& where) {
  if (const Config* call = as_object(node)) return read_keras3_node(*call, where);
  // Keras 2 wrote a call of one tensor without the inner list now and then.
  if (is_triple(node)) return read_keras2_node({node}, where);
  if (const auto* list = as_list(node)) return read_keras2_node(*list, where);
  fail_expected(where, "a call: an object with `args` and `kwargs`, or a list of [layer, call, tensor, kwargs]", to_json(node));
}

std::vector<TensorRef> read_ends(const ConfigValue& ends, const std::string& where) {
  if (is_triple(ends)) return {read_triple(ends, where)};
  std::vector<TensorRef> all;
  const auto add = [&](const ConfigValue& part) {
    for (TensorRef& ref : read_ends(part, where)) all.push_back(std::move(ref));
  };
  if (const auto* list = as_list(ends)) {
    for (const ConfigValue& part : *list) add(part);
  } else if (const Config* dict = as_object(ends)) {  // Keras takes them sorted by key
    std::map<std::string, const ConfigValue*> sorted;
    for (const auto& [key, part] : dict->items()) sorted[key] = &part;
    for (const auto& [key, part] : sorted) add(*part);
  } else {
    fail_expected(where, "[layer, call, tensor] or a list of them", to_json(ends));
  }
  return all;
}

std::vector<TensorRef*> tensors_of(NodeCall& call) {
  std::vector<TensorRef*> found;
  collect(call.arguments, found);
  collect(call.masks, found);
  return found;
}

const ConfigValue& member(const Config& config, const char* key, const std::string& where) {
  if (!config.contains(key)) throw Error(where, "the config lacks `" + std::string(key) + "`");
  return config.at(key);
}

}  // namespace strata
