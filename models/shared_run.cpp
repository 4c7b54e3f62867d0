#include "models/shared_run.h"

#include "core/base/json.h"

namespace strata {

using callbacks::SavedState;

namespace {
Config description(const SavedState& run) {
  ConfigValue::List tensors;
  for (const auto& [name, t] : run.tensors)
    tensors.emplace_back(Config{{"name", name},
                                {"dtype", std::string(to_string(t.dtype()))},
                                {"shape", std::vector<std::int64_t>(t.shape().begin(), t.shape().end())}});
  return {{"values", run.values}, {"origin", run.origin}, {"tensors", std::move(tensors)}};
}

/// With tensors of the right types, and whatever numbers.
SavedState empty_run(const std::string& text) {
  const ConfigValue all = parse_json(text, "the run that rank 0 goes on with");
  const Config& config = all.as_config();
  SavedState run{config.at("values").as_config(), {}, config.at("origin").as_string()};
  for (const ConfigValue& one : config.at("tensors").as_list()) {
    const Config& t = one.as_config();
    Shape shape;
    for (const ConfigValue& size : t.at("shape").as_list()) shape.push_back(size.as_int());
    run.tensors.emplace_back(t.at("name").as_string(),
                             Tensor(dtype_from_string(t.at("dtype").as_string()), shape, Device{}));
  }
  return run;
}
}  // namespace

std::optional<SavedState> given_to_all(Communicator& all, const std::optional<SavedState>& found) {
  const bool first = all.rank() == 0;
  std::string text = first && found ? to_json(description(*found)) : "";
  auto length = static_cast<std::int64_t>(text.size());
  all.broadcast(DType::i64, &length, 1, 0);
  if (length == 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(length));
  all.broadcast(DType::u8, text.data(), text.size(), 0);
  SavedState run = first ? *found : empty_run(text);
  for (auto& [name, t] : run.tensors) all.broadcast(DType::u8, t.mutable_raw(), t.bytes(), 0);
  return run;
}

}  // namespace strata
