#include "optim/wrappers.h"

#include <algorithm>
#include <regex>
#include <unordered_map>

#include "core/ops/ops.h"
#include "optim/registration.h"
#include "optim/rule_optimizer.h"

namespace strata::optimizers {

ConfigValue to_config(const OptimizerMap&);
void from_config(const ConfigValue&, OptimizerMap&);

namespace {
/// What Keras saves for every optimizer. A wrapper's own rate is not used.
class Wrapper : public Implementation {
 public:
  using Implementation::Implementation;
  Variables variables() const override {
    Variables all{own_iterations(), learning_rate_};
    all.insert(all.end(), own_.begin(), own_.end());
    return all;
  }

 protected:
  Variables own_;

 private:
  Variable learning_rate_ = add_variable("learning_rate", Tensor::scalar(0.0f));
};

void refuse_loss_scale(const std::string& where, const Optimizer& inner) {
  const Config config = inner.config();
  if (config.contains("loss_scale_factor") && !config.at("loss_scale_factor").is_null())
    throw Error(where,
                "scales the loss itself: the optimizer '" + inner.name() + "' within it takes no loss_scale_factor");
}

constexpr auto loss_scale_arguments = [](auto& field, auto& name, auto& inner, auto& o) {
  field("name", name);
  field.required("inner_optimizer", inner);
  field("initial_scale", o.initial_scale);
  field("dynamic_growth_steps", o.dynamic_growth_steps);
};

class LossScaler final : public Wrapper {
 public:
  LossScaler(const Optimizer& inner, const LossScaleOptions& o)
      : Wrapper("LossScaleOptimizer", o.name),
        inner_(inner),
        o_(o),
        counter_(add_variable("step_counter", Tensor::scalar(std::int64_t{0}))),
        scale_(add_variable("dynamic_scale", Tensor::scalar(static_cast<float>(o.initial_scale)))) {
    refuse_loss_scale(describe(), inner);
    if (!(o.initial_scale > 0)) fail_expected(describe(), "a positive initial_scale", std::to_string(o.initial_scale));
    if (o.dynamic_growth_steps < 1)
      fail_expected(describe(), "dynamic_growth_steps of at least 1", std::to_string(o.dynamic_growth_steps));
  }

  // Here and below the scale is that from before the step, whatever other updates come first: the gradients were made
  // with it.
  Value scale_loss(const Value& loss) const override { return loss * cast(Value(scale_), loss.dtype()); }

  Updates apply(const Values& gradients, const Variables& variables) override {
    Value finite;
    Values unscaled;
    for (const Value& g : gradients) {
      unscaled.push_back(g ? g / cast(Value(scale_), g.dtype()) : g);
      if (!g) continue;
      const Value this_one = all(is_finite(g));
      finite = finite ? logical_and(finite, this_one) : this_one;
    }
    Updates updates = inner_.apply(unscaled, variables);
    for (Update& u : updates) u.value = where(finite, u.value, pending(u.variable));
    const Value counter = pending(counter_), scale = pending(scale_);
    const Value grows = equal(counter, o_.dynamic_growth_steps - 1);
    updates.push_back({scale_, where(finite, where(grows, 2.0 * scale, scale), 0.5 * scale)});
    updates.push_back({counter_, where(logical_and(finite, logical_not(grows)), counter + 1, 0)});
    return updates;
  }

  void build(const Variables& variables) override {
    inner_.build(variables);
    own_ = {counter_, scale_};
  }
  bool built() const override { return !own_.empty(); }
  void exclude_from_weight_decay(const Variables& variables, const std::vector<std::string>& names) override {
    inner_.exclude_from_weight_decay(variables, names);
  }
  Variable iterations() const override { return inner_.iterations(); }
  double learning_rate() const override { return inner_.learning_rate(); }
  void set_learning_rate(double rate) override { inner_.set_learning_rate(rate); }
  bool has_schedule() const override { return inner_.has_schedule(); }
  void finalize_variable_values(const Variables& variables) override { inner_.finalize_variable_values(variables); }
  Variables variables() const override {
    Variables all = Wrapper::variables();
    for (const Variable& v : inner_.variables()) all.push_back(v);
    return all;
  }
  Config config() const override { return write_arguments(loss_scale_arguments, name(), inner_, o_); }

 private:
  Optimizer inner_;
  LossScaleOptions o_;
  Variable counter_, scale_;
};

constexpr auto map_arguments = [](auto& field, auto& default_optimizer, auto& others) {
  field.required("default_optimizer", default_optimizer);
  field.required("optimizer_map", others);
};
constexpr auto multi_arguments = [](auto& field, auto& map, auto& o) {
  field.required("optimizer_map", map);
  field("loss_scale_factor", o.loss_scale_factor);
  field("name", o.name);
};

class MultiImplementation final : public Wrapper {
 public:
  MultiImplementation(const OptimizerMap& map, const MultiOptimizerOptions& o)
      : Wrapper("MultiOptimizer", o.name), map_(map), o_(o) {
    for (const auto& [pattern, optimizer] : map_.optimizer_map) add(optimizer);
    add(map_.default_optimizer);
  }

  Value scale_loss(const Value& loss) const override {
    return o_.loss_scale_factor ? loss * *o_.loss_scale_factor : loss;
  }

  Updates apply(const Values& gradients, const Variables& variables) override {
    std::vector<Values> parts(inner_.size());
    std::vector<Variables> owned(inner_.size());
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const std::size_t which = owner(variables[i]);
      const Value& g = gradients[i];
      parts[which].push_back(g && o_.loss_scale_factor ? g / *o_.loss_scale_factor : g);
      owned[which].push_back(variables[i]);
    }
    Updates updates;
    for (std::size_t k = 0; k < inner_.size(); ++k) {
      if (owned[k].empty()) continue;
      const Updates more = inner_[k].apply(parts[k], owned[k]);
      updates.insert(updates.end(), more.begin(), more.end());
    }
    updates.push_back({own_iterations(), pending(own_iterations()) + 1});
    return updates;
  }

  void build(const Variables& variables) override {
    if (built_) return;
    std::vector<Variables> owned(inner_.size());
    for (const Variable& v : variables) {
      owners_[v.id()] = index_for(v);
      owned[owners_[v.id()]].push_back(v);
    }
    for (std::size_t k = 0; k < inner_.size(); ++k)
      if (!owned[k].empty()) inner_[k].build(owned[k]);
    built_ = true;
  }
  bool built() const override { return built_; }
  void exclude_from_weight_decay(const Variables&, const std::vector<std::string>&) override { refuse("weight decay"); }
  double learning_rate() const override { refuse("a learning rate"); }
  void set_learning_rate(double) override { refuse("a learning rate"); }
  bool has_schedule() const override { refuse("a learning rate"); }
  void finalize_variable_values(const Variables& variables) override {
    std::vector<Variables> owned(inner_.size());
    for (const Variable& v : variables) owned[owner(v)].push_back(v);
    for (std::size_t k = 0; k < inner_.size(); ++k) inner_[k].finalize_variable_values(owned[k]);
  }
  Variables variables() const override {
    Variables all = Wrapper::variables();
    for (const Optimizer& optimizer : inner_)
      for (const Variable& v : optimizer.variables()) all.push_back(v);
    return all;
  }
  Config config() const override {
    MultiOptimizerOptions current = o_;
    current.name = name();
    return write_arguments(multi_arguments, map_, current);
  }

 private:
  void add(const Optimizer& optimizer) {
    if (!optimizer)
      throw Error(describe(), "expected an optimizer for each pattern and a default one; received an empty one");
    for (const char* wrapper : {"LossScaleOptimizer", "MultiOptimizer"})
      if (optimizer.class_name() == wrapper)
        throw Error(describe(), std::string(wrapper) + " cannot be used inside a MultiOptimizer.");
    refuse_loss_scale(describe(), optimizer);
    const auto known =
        std::find_if(inner_.begin(), inner_.end(), [&](const Optimizer& o) { return same(o, optimizer); });
    if (known == inner_.end()) inner_.push_back(optimizer);
  }
  static bool same(const Optimizer& a, const Optimizer& b) { return a.iterations() == b.iterations(); }

  std::size_t index_for(const Variable& v) const {
    const Optimizer* found = nullptr;
    for (const auto& [pattern, optimizer] : map_.optimizer_map) {
      if (pattern != v.path() && !std::regex_match(v.path(), std::regex(pattern))) continue;
      if (found) throw Error(describe(), "Multiple optimizers assigned to variable " + v.path() + ".");
      found = &optimizer;
      if (pattern == v.path()) break;
    }
    if (!found) found = &map_.default_optimizer;
    const auto at = std::find_if(inner_.begin(), inner_.end(), [&](const Optimizer& o) { return same(o, *found); });
    return static_cast<std::size_t>(at - inner_.begin());
  }
  std::size_t owner(const Variable& v) const {
    const auto found = owners_.find(v.id());
    if (found == owners_.end())
      throw Error(describe(), "Unknown variable: '" + v.path() + "'. It was not built with it.");
    return found->second;
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(describe(), "has not " + what + " of its own: the optimizers that it is made of have");
  }

  OptimizerMap map_;
  MultiOptimizerOptions o_;
  std::vector<Optimizer> inner_;
  std::unordered_map<const void*, std::size_t> owners_;
  bool built_ = false;
};
}  // namespace

/// As Keras writes it: an object of its own, in whose config the optimizers stand by pattern.
ConfigValue to_config(const OptimizerMap& map) {
  Config others;
  for (const auto& [pattern, optimizer] : map.optimizer_map) others.set(pattern, to_config(optimizer));
  return ConfigObject{"keras.optimizers",
                      "OptimizerMap",
                      {},
                      write_arguments(map_arguments, map.default_optimizer, ConfigValue(others))}
      .write();
}

void from_config(const ConfigValue& value, OptimizerMap& map) {
  const ConfigObject object = ConfigObject::read(value, "optimizer_map");
  if (object.class_name != "OptimizerMap") fail_expected("optimizer_map", "an OptimizerMap", object.class_name);
  ConfigValue others;
  read_arguments("OptimizerMap", object.arguments(), map_arguments, map.default_optimizer, others);
  for (const auto& [pattern, optimizer] : others.as_config().items()) {
    map.optimizer_map.emplace_back(pattern, Optimizer());
    from_config(optimizer, map.optimizer_map.back().second);
  }
}

LossScaleOptimizer::LossScaleOptimizer(const Optimizer& inner, const LossScaleOptions& o)
    : Optimizer(std::make_shared<LossScaler>(inner, o)) {}
MultiOptimizer::MultiOptimizer(const OptimizerMap& map, const MultiOptimizerOptions& o)
    : Optimizer(std::make_shared<MultiImplementation>(map, o)) {}

namespace {
bool register_wrappers() {
  add_optimizer_class({.class_name = "LossScaleOptimizer",
                       .make = [](const Config& config) -> Optimizer {
                         Optimizer inner;
                         LossScaleOptions o;
                         const auto arguments = [](ArgumentReader& field, Optimizer& optimizer,
                                                   LossScaleOptions& options) {
                           loss_scale_arguments(field, options.name, optimizer, options);
                           field.accepted("dynamic", true);
                         };
                         read_arguments(describe_config("LossScaleOptimizer", config), config, arguments, inner, o);
                         return LossScaleOptimizer(inner, o);
                       },
                       .module = "keras.optimizers"});
  add_optimizer_class({.class_name = "MultiOptimizer",
                       .make = [](const Config& config) -> Optimizer {
                         OptimizerMap map;
                         MultiOptimizerOptions o;
                         read_arguments(describe_config("MultiOptimizer", config), config, multi_arguments, map, o);
                         return MultiOptimizer(map, o);
                       },
                       .module = "keras.optimizers"});
  return true;
}
[[maybe_unused]] const bool registered = register_wrappers();
}  // namespace

}  // namespace strata::optimizers
