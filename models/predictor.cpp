#include "models/predictor.h"

#include "core/compile/function.h"

namespace strata {

namespace {
Types with_samples(Types types, std::int64_t samples) {
  for (Type& t : types)
    if (t.shape.rank() > 0) t.shape[0] = samples;
  return types;
}
}  // namespace

CompiledStep Predictor::compile(const Types& x) {
  const DeviceScope scope(model_.device());
  const auto lowered = [&](const Types& types) {
    const Values inputs = placeholders(types);
    return std::pair(inputs, lower(model_.call_on(cast_to_inputs(model_, inputs), Mode::infer), {}));
  };
  if (!model_.predicts_on_replicas()) {
    const auto [inputs, graph] = lowered(x);
    auto plan = Plan::compile(inputs, on_device(model_, graph), default_plan_options());
    if (debugging::log_device_placement()) log_placement(*plan);
    return {{std::make_shared<Executable>(std::move(plan), model_.arenas)}, {}};
  }
  std::vector<distribute::Replicas::Part> parts;
  for (const Replication& share : model_.replicas()->shares(x[0].shape[0])) {
    const auto [inputs, graph] = lowered(with_samples(x, share.samples));
    parts.push_back({inputs, graph, share});
  }
  return model_.replicas()->compile(parts, random_states(model_), default_plan_options(), model_.arenas);
}

std::shared_ptr<const CompiledStep> Predictor::step(const Types& x) {
  const std::string key = circumstances(model_, Mode::infer) + key_of(x);
  if (auto found = steps_.find(key)) return found;
  const std::lock_guard lock(building_);
  if (auto found = steps_.find(key)) return found;
  auto made = std::make_shared<const CompiledStep>(compile(x));
  steps_.insert(key, made);
  return made;
}

Tensors Predictor::run(const Tensors& x) {
  const auto compiled = step(types_of(x));
  if (!model_.predicts_on_replicas()) return compiled->parts[0]->run(x);
  const auto parts = model_.replicas()->run(*compiled, split(x, *model_.replicas()));
  Tensors all;
  for (std::size_t i = 0; i < parts[0].size(); ++i) {
    Tensors output;
    for (const Tensors& part : parts) output.push_back(part[i]);
    all.push_back(joined(output));
  }
  return all;
}

}  // namespace strata
