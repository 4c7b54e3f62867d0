#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "tests/oracle/driver/driver.h"

namespace oracle {

using namespace strata;

namespace {

/// The groups of a golden file: one for each function.
std::vector<std::string> cases_of(const Hdf5File& golden) {
  std::vector<std::string> groups;
  for (const std::string& name : golden.children(""))
    if (golden.has_group(name)) groups.push_back(name);
  return groups;
}

/// A function's value and its gradient by x.
Tensors value_and_gradient(const Tensor& x, const std::function<Value(const Value&)>& f,
                           const std::function<Value(const Value&)>& to_scalar) {
  const Value in = placeholder(x.shape(), x.dtype());
  const Value y = f(in);
  const Values slopes = gradients(to_scalar(y), {in});
  return Function({in}, {y, slopes[0] ? slopes[0] : zeros_like(in)})({x});
}

Value itself(const Value& y) { return y; }

/// An activation with its keyword arguments.
std::function<Value(const Value&)> activation_of(const std::string& name, const ConfigValue& kwargs) {
  const auto number = [&](const char* key, double otherwise) {
    const ConfigValue value = member(kwargs, key);
    return value.is_null() ? otherwise : value.as_double();
  };
  if (kwargs.as_config().empty()) return Activation(name);
  if (name == "relu") {
    activations::ReluOptions o{.negative_slope = number("negative_slope", 0), .threshold = number("threshold", 0)};
    if (!member(kwargs, "max_value").is_null()) o.max_value = number("max_value", 0);
    return [o](const Value& x) { return activations::relu(x, o); };
  }
  const double slope = number("negative_slope", 0.2), alpha = number("alpha", 1), b = number("b", 4),
               axis = number("axis", -1);
  if (name == "leaky_relu") return [=](const Value& x) { return activations::leaky_relu(x, {slope}); };
  if (name == "elu") return [=](const Value& x) { return activations::elu(x, {alpha}); };
  if (name == "gelu") {
    const bool approximate = member(kwargs, "approximate").as_bool();
    return [=](const Value& x) { return activations::gelu(x, {approximate}); };
  }
  if (name == "softmax")
    return [=](const Value& x) { return activations::softmax(x, {static_cast<std::int64_t>(axis)}); };
  if (name == "squareplus") return [=](const Value& x) { return activations::squareplus(x, {b}); };
  throw Error("oracle_driver", "arguments of the activation " + name + " are not known");
}

void run_activations(const Hdf5File& golden, const std::string& name, Result& result) {
  const ConfigValue config = json_attribute(golden, name, "config");
  const auto f = activation_of(member(config, "activation").as_string(), member(config, "kwargs"));
  const auto weighted_sum = [](const Value& y) {
    std::vector<float> weights(static_cast<std::size_t>(y.shape().elements()));
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = static_cast<float>(0.5 + static_cast<double>(i) /
                                                static_cast<double>(std::max<std::size_t>(weights.size() - 1, 1)));
    return sum(y * constant(Tensor::from(y.shape(), weights)));
  };
  const Tensors got = value_and_gradient(golden.read("x"), f, weighted_sum);
  result.put(name + "/y", got[0]);
  result.put(name + "/grad", got[1]);
}

ConfigValue with_reduction(const ConfigValue& loss, const std::string& reduction) {
  Config whole = loss.as_config(), own = member(loss, "config").as_config();
  own.set("reduction", reduction);
  whole.set("config", own);
  return whole;
}

void run_losses(const Hdf5File& golden, const std::string& name, Result& result) {
  const ConfigValue config = json_attribute(golden, name, "config");
  const Tensor y = golden.read(name + "/y_true"), p = golden.read(name + "/y_pred"),
               weights = golden.read(name + "/sample_weight");
  for (const std::string& variant : golden.children(name)) {
    const std::string path = name + "/" + variant;
    if (!golden.has_attribute(path, "reduction") || variant.starts_with("grad_")) continue;
    Loss loss("mean_squared_error");
    from_config(with_reduction(config, golden.read_text(path, "reduction")), loss);
    const bool weighted = variant.ends_with("_sw");
    const auto f = [&](const Value& q) { return loss(constant(y), q, weighted ? constant(weights) : Value()); };
    const Tensors got = value_and_gradient(p, f, [](const Value& v) { return sum(v); });
    result.put(path, got[0]);
    if (golden.has_dataset(name + "/grad_" + variant)) result.put(name + "/grad_" + variant, got[1]);
  }
}

void run_metrics(const Hdf5File& golden, const std::string& name, Result& result) {
  Metric metric("mean_squared_error");
  from_config(json_attribute(golden, name, "config"), metric);
  for (const std::string batch : {"/0", "/1", "/2"}) {
    const auto array = [&](const std::string& what) {
      const std::string path = name + "/" + what + batch;
      return golden.has_dataset(path) ? Value(constant(golden.read(path))) : Value();
    };
    Function({}, {}, metric.update(array("y_true"), array("y_pred"), array("sample_weight")))({});
    result.put(name + "/result" + batch, Function({}, {metric.result()})({})[0]);
  }
}

void run_regularizers(const Hdf5File& golden, const std::string& name, Result& result) {
  Regularizer regularizer;
  from_config(json_attribute(golden, name, "config"), regularizer);
  for (const std::string& dataset : golden.children(name)) {
    if (!dataset.starts_with("value_")) continue;
    const std::string array = dataset.substr(6);
    const Tensors got = value_and_gradient(
        golden.read(array), [&](const Value& w) { return regularizer(w); }, itself);
    result.put(name + "/value_" + array, got[0]);
    result.put(name + "/grad_" + array, got[1]);
  }
}

void run_constraints(const Hdf5File& golden, const std::string& name, Result& result) {
  Constraint constraint;
  from_config(json_attribute(golden, name, "config"), constraint);
  const Tensor w = golden.read(golden.read_text(name, "input"));
  const Value in = placeholder(w.shape(), w.dtype());
  result.put(name + "/value", Function({in}, {constraint.projection()(in)})({w})[0]);
}

void run_schedules(const Hdf5File& golden, const std::string& name, Result& result) {
  optimizers::LearningRate rate = 0.0;
  from_config(json_attribute(golden, name, "config"), rate);
  const Tensor steps = golden.read(name + "/steps", DType::i64);
  std::vector<double> values;
  for (const std::int64_t step : steps.data<std::int64_t>()) values.push_back(rate.schedule()->at(step));
  result.put(name + "/value", f64(values));
}

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// The largest deviation of Q^T Q, of the smaller side, from gain^2 times the identity.
double gram_error(const std::vector<double>& w, std::int64_t rows, std::int64_t columns, double gain) {
  const bool tall = rows >= columns;
  const std::int64_t side = tall ? columns : rows, length = tall ? rows : columns;
  double worst = 0;
  for (std::int64_t i = 0; i < side; ++i)
    for (std::int64_t j = 0; j < side; ++j) {
      double dot = i == j ? -gain * gain : 0;
      for (std::int64_t k = 0; k < length; ++k) {
        const auto at = [&](std::int64_t s) {
          return w[static_cast<std::size_t>(tall ? k * columns + s : s * columns + k)];
        };
        dot += at(i) * at(j);
      }
      worst = std::max(worst, std::abs(dot));
    }
  return worst;
}

void run_initializer(const Hdf5File& golden, const std::string& name, Result& result) {
  const ConfigValue config = json_attribute(golden, name, "config");
  Initializer initializer;
  from_config(config, initializer);
  Shape shape;
  const ConfigValue sizes = json_attribute(golden, name, "shape");
  for (const ConfigValue& d : sizes.as_list()) shape.push_back(d.as_int());
  utils::set_random_seed(12345);
  const Tensor w = initializer(shape);
  std::vector<double> values;
  for (std::int64_t i = 0; i < w.size(); ++i) values.push_back(w.at<double>(i));
  const auto count = static_cast<double>(values.size());
  const double mean_value = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double v : values) squares += (v - mean_value) * (v - mean_value);
  result.put(name + "/mean", Tensor::scalar(mean_value));
  result.put(name + "/std", Tensor::scalar(std::sqrt(squares / count)));
  if (golden.has_dataset(name + "/gram_error"))
    result.put(name + "/gram_error", Tensor::scalar(gram_error(values, w.size() / shape.back(), shape.back(),
                                                               member(member(config, "config"), "gain").as_double())));
  if (golden.has_dataset(name + "/values"))
    result.put(name + "/values", shape.rank() > 1 ? w.rows(0, std::min<std::int64_t>(4, shape[0])) : w);
  if (golden.has_dataset(name + "/quantiles")) {
    std::sort(values.begin(), values.end());
    std::vector<double> quantiles;
    for (const double q : {0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0}) quantiles.push_back(quantile(values, q));
    result.put(name + "/quantiles", f64(quantiles));
  }
}

void run_fans(const Hdf5File& golden, const std::string& name, Result& result) {
  for (const std::string& dataset : golden.children(name)) {
    if (!dataset.starts_with("shape_")) continue;
    const Tensor sizes = golden.read(name + "/" + dataset, DType::i64);
    const std::span<const std::int64_t> data = sizes.data<std::int64_t>();
    const initializers::Fans fans = initializers::compute_fans(Shape(data.data(), data.data() + data.size()));
    result.put(
        name + "/fans_" + dataset.substr(6),
        Tensor::from<std::int64_t>({2}, {static_cast<std::int64_t>(fans.in), static_cast<std::int64_t>(fans.out)}));
  }
}

void run_initializers(const Hdf5File& golden, const std::string& name, Result& result) {
  name == "fans" ? run_fans(golden, name, result) : run_initializer(golden, name, result);
}

}  // namespace

void run_arrays(const std::string& path, Result& result) {
  const auto golden = Hdf5File::open(path);
  const std::string kind = golden->read_text("", "kind");
  using Run = void (*)(const Hdf5File&, const std::string&, Result&);
  static const std::map<std::string, Run> runs{
      {"arrays:activations", run_activations},  {"arrays:losses", run_losses},
      {"arrays:metrics", run_metrics},          {"arrays:regularizers", run_regularizers},
      {"arrays:constraints", run_constraints},  {"arrays:schedules", run_schedules},
      {"arrays:initializers", run_initializers}};
  const auto run = runs.find(kind);
  if (run == runs.end()) throw Error("oracle_driver", "arrays of the kind '" + kind + "' are not known");
  for (const std::string& name : cases_of(*golden)) {
    try {
      run->second(*golden, name, result);
    } catch (const Error& e) {  // the others go on; check.py reports what is missing
      std::fprintf(stderr, "%s: %s\n", name.c_str(), e.what());
    }
  }
}

}  // namespace oracle
