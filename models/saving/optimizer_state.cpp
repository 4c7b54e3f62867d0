#include "models/saving/optimizer_state.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace strata {

namespace {

bool is_learning_rate(const Optimizer& optimizer, const Variable& v) {
  return v.path() == optimizer.name() + "/learning_rate";
}

bool is_nadam_product(const Optimizer& optimizer, const Variable& v) {
  return optimizer.class_name() == "Nadam" && v.name() == "u_product";
}

/// Adafactor in Keras 3 has integers where a variable of less than two axes has no rows and columns; in Keras 2
/// nothing.
bool is_placeholder(const Optimizer& optimizer, const Variable& v) {
  return optimizer.class_name() == "Adafactor" && v.dtype() == DType::i32;
}

/// What follows the trained variable's path in a slot's name: "momentum" of "dense_kernel_momentum".
std::string slot_kind(const Variable& slot, const Variables& trained) {
  std::string stem;
  for (const Variable& v : trained) {
    std::string path = v.path() + "_";
    std::replace(path.begin(), path.end(), '/', '_');
    if (path.size() > stem.size() && slot.name().starts_with(path)) stem = path;
  }
  return slot.name().substr(stem.size());
}

/// The first variable, then all slots of one kind, then those of the next.
Variables kind_after_kind(const Variables& all, const Variables& trained) {
  std::vector<std::pair<std::string, Variables>> kinds;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const std::string kind = slot_kind(all[i], trained);
    auto at = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
    if (at == kinds.end()) at = kinds.insert(kinds.end(), {kind, {}});
    at->second.push_back(all[i]);
  }
  Variables ordered{all.at(0)};
  for (const auto& [kind, slots] : kinds) ordered.insert(ordered.end(), slots.begin(), slots.end());
  return ordered;
}

/// "iter" or "iterations": the optimizers before tf.keras 2.11.
bool is_old_counter(const std::string& name) {
  const std::string last = name.substr(name.rfind('/') + 1);
  return last.starts_with("iter") && !last.starts_with("iteration:") && last != "iteration";
}

/// What Keras 2 holds in the place of Nadam's product, and does not store: once compiled, its train step multiplies the
/// product of all steps t of beta_1 (1 - 0.96^t / 2) once for each variable (keras/optimizers/nadam.py, 2.15).
double nadam_product(const Optimizer& optimizer, std::int64_t steps, std::size_t variables) {
  const double beta = optimizer.config().at("beta_1").as_double();
  const auto count = static_cast<double>(variables);
  constexpr std::int64_t settled = 1000;  // 0.96^1000 is nothing beside 1, and a file may name any number of steps
  double product = 1;
  for (std::int64_t t = 1; t <= std::min(steps, settled); ++t)
    product *= std::pow(beta * (1 - 0.5 * std::pow(0.96, static_cast<double>(t))), count);
  if (steps > settled) product *= std::pow(beta, count * static_cast<double>(steps - settled));
  return product;
}

}  // namespace

Variables keras2_variables(const Optimizer& optimizer) {
  Variables kept;
  for (const Variable& v : optimizer.variables())
    if (!is_learning_rate(optimizer, v) && !is_nadam_product(optimizer, v) && !is_placeholder(optimizer, v))
      kept.push_back(v);
  return kept;
}

PendingValues read_optimizer_state(const StoredTree& file, const std::vector<std::string>& datasets,
                                   const std::vector<std::string>& names, const Optimizer& optimizer,
                                   const Variables& trained) {
  // A file of an optimizer that had done nothing yet holds no slots.
  if (!optimizer.built() && datasets.size() > optimizer.variables().size()) optimizer.build(trained);
  std::vector<std::string> stored = datasets;
  Variables wanted = optimizer.variables();
  const bool old = !names.empty() && is_old_counter(names[0]);
  if (old) {
    wanted = kind_after_kind(keras2_variables(optimizer), trained);
    if (stored.size() > wanted.size()) stored.resize(wanted.size());  // placeholders of length one for AMSGrad
  } else if (stored.size() != wanted.size()) {
    const Variables without_rate = keras2_variables(optimizer);
    if (optimizer.class_name() == "SGD" && stored.size() == without_rate.size() + trained.size())
      stored.resize(without_rate.size());  // without momentum tf.keras keeps one for each variable, and never reads it
    if (stored.size() == without_rate.size()) wanted = without_rate;
  }
  if (stored.size() != wanted.size())
    throw Error("it has " + std::to_string(wanted.size()) + " variables whereas the saved optimizer has " +
                std::to_string(datasets.size()) + " variables");
  PendingValues values;
  for (std::size_t i = 0; i < stored.size(); ++i) values.read(file, stored[i], wanted[i]);
  for (const Variable& v : optimizer.variables()) {
    if (!is_nadam_product(optimizer, v) || std::find(wanted.begin(), wanted.end(), v) != wanted.end()) continue;
    const auto steps = file.read(stored.at(0), DType::i64).item<std::int64_t>();
    values.add(v, Tensor::scalar(static_cast<float>(nadam_product(optimizer, steps, trained.size()))));
  }
  return values;
}

}  // namespace strata
