#include "models/arguments.h"

#include <algorithm>
#include <cmath>

#include "core/device/free_memory.h"
#include "models/functional.h"
#include "models/trainer.h"

namespace strata {

Data::Data(std::initializer_list<std::pair<std::string, Tensor>> named) {
  for (const auto& [name, tensor] : named) {
    names_.push_back(name);
    tensors_.push_back(tensor);
  }
}

namespace {
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "'" : ", '") + n + "'";
  return text;
}

}  // namespace

Tensors Data::in_order(const std::vector<std::string>& names, std::string_view what) const {
  if (names_.empty()) {
    if (tensors_.size() != names.size())
      fail_expected(
          what, std::to_string(names.size()) + " tensor" + (names.size() == 1 ? "" : "s") + " (" + listed(names) + ")",
          std::to_string(tensors_.size()));
    return tensors_;
  }
  Tensors ordered;
  for (const std::string& name : names) {
    const auto it = std::find(names_.begin(), names_.end(), name);
    if (it == names_.end()) fail_expected(what, "tensors for " + listed(names), "tensors for " + listed(names_));
    ordered.push_back(tensors_[static_cast<std::size_t>(it - names_.begin())]);
  }
  if (names_.size() != names.size())
    fail_expected(what, "tensors for " + listed(names), "tensors for " + listed(names_));
  return ordered;
}

LossSpec::LossSpec(std::initializer_list<Loss> by_position) {
  for (const Loss& loss : by_position) losses_.emplace_back("", loss);
  single_ = losses_.size() == 1;
}

LossSpec::LossSpec(std::initializer_list<std::pair<std::string, Loss>> by_name) : losses_(by_name), named_(true) {}

LossSpec LossSpec::from_items(std::vector<std::pair<std::string, Loss>> by_name) {
  LossSpec spec;
  spec.losses_ = std::move(by_name);
  spec.named_ = true;
  return spec;
}

MetricSpec MetricSpec::from_items(std::vector<std::pair<std::string, std::vector<Metric>>> by_name) {
  MetricSpec spec;
  spec.named_ = by_name.size() != 1 || !by_name[0].first.empty();
  spec.metrics_ = std::move(by_name);
  return spec;
}

std::vector<std::optional<Loss>> LossSpec::for_outputs(const std::vector<std::string>& names) const {
  std::vector<std::optional<Loss>> all(names.size());
  if (named_) {
    for (const auto& [name, loss] : losses_) {
      const auto it = std::find(names.begin(), names.end(), name);
      if (it == names.end())
        fail_expected("compile", "losses for the outputs " + listed(names), "a loss for '" + name + "'");
      all[static_cast<std::size_t>(it - names.begin())] = loss;
    }
  } else if (single_) {
    std::fill(all.begin(), all.end(), losses_[0].second);
  } else if (!losses_.empty()) {
    if (losses_.size() != names.size())
      fail_expected("compile", std::to_string(names.size()) + " losses, one for each output",
                    std::to_string(losses_.size()));
    for (std::size_t i = 0; i < names.size(); ++i) all[i] = losses_[i].second;
  }
  return all;
}

std::vector<std::vector<Metric>> MetricSpec::for_outputs(const std::vector<std::string>& names) const {
  std::vector<std::vector<Metric>> all(names.size());
  for (const auto& [name, metrics] : metrics_) {
    if (!named_) {
      if (names.size() != 1 && !metrics.empty())
        fail_expected("compile", "metrics by output name for the outputs " + listed(names), "metrics without names");
      all[0] = metrics;
      continue;
    }
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end())
      fail_expected("compile", "metrics for the outputs " + listed(names), "metrics for '" + name + "'");
    all[static_cast<std::size_t>(it - names.begin())] = metrics;
  }
  return all;
}

Arguments resolve_arguments(ModelDefinition& model, const Data& x, const Data& y, const Data& sample_weight,
                            std::string_view what) {
  Arguments a;
  const std::lock_guard lock(model.building);
  if (!model.has_graph()) {
    a.x = x.in_order({"x"}, std::string(what) + ": x");
    if (!a.x[0].defined() || a.x[0].shape().rank() == 0)
      fail_expected(what, "a tensor with a first axis of samples as x", to_string(a.x[0], 0));
    model.ensure_built({a.x[0].shape()});
  } else {
    a.x = x.in_order(model.input_names(), std::string(what) + ": x");
  }
  for (const Tensor& t : a.x)
    if (!t.defined()) fail_expected(std::string(what) + ": x", "tensors", "an empty tensor");
  const std::vector<std::string> outputs = model.output_names();
  if (!y.empty()) a.y = y.in_order(outputs, std::string(what) + ": y");
  if (!sample_weight.empty()) {
    // One weight for all outputs, or one for each.
    const Tensors given = sample_weight.in_order({"sample_weight"}, std::string(what) + ": sample_weight");
    a.w.assign(outputs.size(), given[0]);
  }
  check_cardinality(a.x, a.y, a.w);
  a.x = fit_to_inputs(model, std::move(a.x));
  return a;
}

Arguments kept_on_device(const ModelDefinition& model, Arguments a) {
  const Device device = model.device();
  if (device.kind != DeviceKind::gpu || model.replicas() != nullptr) return a;
  std::int64_t bytes = 0;
  for (Tensors* part : {&a.x, &a.y, &a.w})
    for (const Tensor& t : *part) bytes += t.device() == device ? 0 : static_cast<std::int64_t>(t.bytes());
  if (bytes > config::free_memory(device) / 4) return a;
  for (Tensors* part : {&a.x, &a.y, &a.w})
    for (Tensor& t : *part) t = t.to(device);
  return a;
}

Tensor class_weights(const Tensor& labels, const std::map<std::int64_t, double>& weights) {
  const Tensor y = labels.on_host();
  const std::int64_t n = y.shape()[0], width = n == 0 ? 1 : y.size() / n;
  Tensor w(DType::f32, {n}, Device{});
  const auto out = w.mutable_data<float>();
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t label = 0;
    if (width == 1) {
      label = y.at<std::int64_t>(i);
    } else {
      for (std::int64_t c = 1; c < width; ++c)
        if (y.at<double>(i * width + c) > y.at<double>(i * width + label)) label = c;
    }
    const auto it = weights.find(label);
    out[static_cast<std::size_t>(i)] = it == weights.end() ? 1.0f : static_cast<float>(it->second);
  }
  return w;
}

std::pair<Arguments, Arguments> split_validation(const Arguments& all, double fraction) {
  if (!(fraction > 0 && fraction < 1))
    fail_expected("fit: validation_split", "a number between 0 and 1", std::to_string(fraction));
  const std::int64_t n = all.x[0].shape()[0];
  const auto at = static_cast<std::int64_t>(std::floor(static_cast<double>(n) * (1 - fraction)));
  if (at == 0 || at == n)
    throw Error("fit",
                "Training data contains " + std::to_string(n) +
                    " samples, which is not sufficient to split it into a validation and training set as specified by "
                    "`validation_split=" +
                    std::to_string(fraction) +
                    "`. Either provide more data, or a different value for `validation_split`.");
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    Arguments some;
    for (const Tensor& t : all.x) some.x.push_back(t.rows(begin, end));
    for (const Tensor& t : all.y) some.y.push_back(t.rows(begin, end));
    for (const Tensor& t : all.w) some.w.push_back(t.rows(begin, end));
    return some;
  };
  return {part(0, at), part(at, n)};
}

}  // namespace strata
