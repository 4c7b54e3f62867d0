#include <filesystem>

#include "tests/oracle/driver/driver.h"

namespace oracle {

using namespace strata;
namespace fs = std::filesystem;

namespace {

/// Step `s` of arrays whose first axis is the step.
Tensors of_step(const Tensors& arrays, std::int64_t s) {
  Tensors batch;
  for (const Tensor& a : arrays) batch.push_back(a.rows(s, s + 1).with_shape(a.shape().slice(1, a.shape().rank())));
  return batch;
}

Tensors all_outputs(Model& model, const Tensors& inputs) { return Tensors(model.predict_on_batch(Data(inputs))); }

std::map<std::int64_t, double> class_weights(const ConfigValue& config) {
  std::map<std::int64_t, double> weights;
  if (config.is_null()) return weights;
  for (const auto& [label, weight] : config.as_config().items()) weights[std::stoll(label)] = weight.as_double();
  return weights;
}

/// Keras's class_weight of train_on_batch, which here is an argument of fit alone: a weight for each sample by its
/// label, or by the largest of its targets.
Tensor weights_of_classes(const Tensor& y, const std::map<std::int64_t, double>& weights) {
  const std::int64_t samples = y.shape()[0], width = y.size() / samples;
  std::vector<float> all;
  for (std::int64_t i = 0; i < samples; ++i) {
    std::int64_t label = width == 1 ? y.at<std::int64_t>(i) : 0;
    for (std::int64_t k = 1; k < width; ++k)
      if (y.at<double>(i * width + k) > y.at<double>(i * width + label)) label = k;
    const auto at = weights.find(label);
    all.push_back(at == weights.end() ? 1.0f : static_cast<float>(at->second));
  }
  return Tensor::from({samples}, all);
}

std::string without_slashes(std::string name) {
  for (char& c : name)
    if (c == '/') c = '|';
  return name;
}

}  // namespace

Model load_case(const std::string& folder, const std::string& format) {
  if (format == "keras" || format == "h5") return load_model(folder + "/model." + format);
  const bool is_old =
      format == "legacy_weights" || !fs::exists(folder + "/model.keras") || folder.find("k215") != std::string::npos;
  Model model = load_model(folder + (is_old ? "/model.h5" : "/model.keras"));
  Tensors zero;
  for (const Tensor& w : model.get_weights()) zero.push_back(zeros(w.shape(), w.dtype()));
  model.set_weights(zero);
  model.load_weights(folder + (format == "weights" ? "/model.weights.h5" : "/weights_only.h5"));
  return model;
}

namespace {

/// For a file that has no compile settings: Keras leaves them out where it fails to write the optimizer's state
/// (Adafactor to `.h5`). The golden says how the model was compiled.
void compile_as_stated(Model& model, const ConfigValue& stated) {
  for (const char* key : {"metrics", "weighted_metrics", "loss_weights"})
    if (!member(stated, key).is_null()) throw Error("oracle_driver", std::string("cannot compile with ") + key);
  CompileOptions options;
  from_config(member(stated, "optimizer"), options.optimizer);
  options.loss = member(stated, "loss").as_string();
  model.compile(options);
}

}  // namespace

void train(Model& model, const Hdf5File& golden, Result& result) {
  const Tensors x = numbered(golden, "train/x"), y = numbered(golden, "train/y"), sw = numbered(golden, "train/sw");
  const auto weights = class_weights(json_attribute_or_null(golden, "train", "class_weight"));
  const std::int64_t steps = x.at(0).shape()[0];
  const auto weights_of_step = [&](std::int64_t s) -> Data {
    if (!weights.empty()) return Data(weights_of_classes(of_step(y, s).at(0), weights));
    return sw.empty() ? Data() : Data(of_step(sw, s));
  };
  std::vector<double> losses, rates;
  std::map<std::string, std::vector<double>> others;
  for (std::int64_t s = 0; s < steps; ++s) {
    model.reset_metrics();
    const Logs logs = model.train_on_batch(Data(of_step(x, s)), Data(of_step(y, s)), weights_of_step(s));
    for (const auto& [name, value] : logs) (name == "loss" ? losses : others[without_slashes(name)]).push_back(value);
    rates.push_back(model.optimizer().learning_rate());
  }
  result.put("train/losses", f64(losses));
  for (const auto& [name, values] : others) result.put("train/logs/" + name, f64(values));
  result.put("train/lr", f64(rates));
  result.put_variables("train/weights", model.weights());
  result.put_variables("train/optimizer", model.optimizer().variables());
  result.put_all("train/outputs", all_outputs(model, numbered(golden, "inputs")));
  model.reset_metrics();
  const Data last_weights = sw.empty() ? Data() : Data(of_step(sw, steps - 1));
  const Logs test = model.test_on_batch(Data(of_step(x, steps - 1)), Data(of_step(y, steps - 1)), last_weights);
  for (const auto& [name, value] : test) result.put("train/test_logs/" + without_slashes(name), Tensor::scalar(value));
}

namespace {

Callback callback_of(const ConfigValue& stated) {
  const std::string name = member(stated, "class_name").as_string();
  const ConfigValue config = member(stated, "config");
  const auto number = [&](const char* key, double otherwise) {
    const ConfigValue value = member(config, key);
    return value.is_null() ? otherwise : value.as_double();
  };
  const auto text = [&](const char* key, const std::string& otherwise) {
    const ConfigValue value = member(config, key);
    return value.is_null() ? otherwise : value.as_string();
  };
  if (name == "EarlyStopping") {
    const ConfigValue restore = member(config, "restore_best_weights");
    return callbacks::EarlyStopping({.monitor = text("monitor", "val_loss"),
                                     .min_delta = number("min_delta", 0),
                                     .patience = static_cast<int>(number("patience", 0)),
                                     .restore_best_weights = !restore.is_null() && restore.as_bool()});
  }
  if (name == "ReduceLROnPlateau")
    return callbacks::ReduceLROnPlateau({.monitor = text("monitor", "val_loss"),
                                         .factor = number("factor", 0.1),
                                         .patience = static_cast<int>(number("patience", 10)),
                                         .min_delta = number("min_delta", 1e-4)});
  if (name == "LearningRateScheduler") {
    std::vector<double> table;
    for (const ConfigValue& rate : member(config, "table").as_list()) table.push_back(rate.as_double());
    return callbacks::LearningRateScheduler(
        [table](int epoch, double) { return table[std::min(static_cast<std::size_t>(epoch), table.size() - 1)]; });
  }
  throw Error("oracle_driver", "the callback " + name + " is not known");
}

void fit(Model& model, const Hdf5File& golden, Result& result) {
  const ConfigValue args = json_attribute(golden, "fit", "args");
  const auto number = [&](const char* key, std::int64_t otherwise) {
    const ConfigValue value = member(args, key);
    return value.is_null() ? otherwise : value.as_int();
  };
  FitOptions options{.batch_size = number("batch_size", -1),
                     .epochs = static_cast<int>(number("epochs", 1)),
                     .verbose = 0,
                     .shuffle = false};
  if (const ConfigValue split = member(args, "validation_split"); !split.is_null())
    options.validation_split = split.as_double();
  options.class_weight = class_weights(member(args, "class_weight"));
  const Tensors x = numbered(golden, "fit/x"), y = numbered(golden, "fit/y"), sw = numbered(golden, "fit/sw");
  if (!sw.empty()) options.sample_weight = Data(sw);
  if (golden.has_group("fit/val_x"))
    options.validation_data = {Data(numbered(golden, "fit/val_x")), Data(numbered(golden, "fit/val_y"))};
  const ConfigValue stated = json_attribute(golden, "fit", "callbacks");
  for (const ConfigValue& callback : stated.as_list())
    if (member(callback, "class_name") != ConfigValue("CSVLogger")) options.callbacks.push_back(callback_of(callback));

  const History history = model.fit(Data(x), Data(y), options);
  std::vector<std::int64_t> epochs(history.epochs().begin(), history.epochs().end());
  result.put("fit/epochs", Tensor::from({static_cast<std::int64_t>(epochs.size())}, epochs));
  for (const auto& [name, values] : history) result.put("fit/history/" + name, f64(values));
  result.put_variables("fit/weights", model.weights());
  EvaluateOptions evaluation{.batch_size = options.batch_size.samples(), .verbose = 0};
  if (!sw.empty()) evaluation.sample_weight = Data(sw);
  for (const auto& [name, value] : model.evaluate(Data(x), Data(y), evaluation))
    result.put("fit/evaluate/" + name, Tensor::scalar(value));
  result.put_all("fit/predict", Tensors(model.predict(Data(x), {.batch_size = 5})));
}

}  // namespace

void run_model(const std::string& folder, const std::string& format, Result& result) {
  const auto golden = Hdf5File::open(folder + "/golden.h5");
  Model model = load_case(folder, format);
  result.put_all("outputs", all_outputs(model, numbered(*golden, "inputs")));
  result.put_variables("weights", model.weights());
  if (golden->has_group("train") && format != "legacy_weights") {
    if (!model.compiled()) compile_as_stated(model, json_attribute(*golden, "", "compile"));
    train(model, *golden, result);
  }
  if (golden->has_group("fit")) fit(model, *golden, result);
}

void save_case(const std::string& folder, const std::string& out) {
  fs::create_directories(out);
  const bool is_keras2 = folder.find("k215") != std::string::npos;  // whose `.keras` is an early form
  Model model = load_model(folder + (is_keras2 ? "/model.h5" : "/model.keras"));
  const auto save = [&](const std::string& name) {
    model.save(out + "/" + name + ".keras");
    try {
      model.save(out + "/" + name + ".h5");
    } catch (const Error& e) {  // some models have no legacy form
      std::fprintf(stderr, "%s.h5: %s\n", name.c_str(), e.what());
    }
  };
  save("out");
  model.save_weights(out + "/out.weights.h5");
  const auto golden = Hdf5File::open(folder + "/golden.h5");
  if (!golden->has_group("train") || is_keras2) return;
  Result unused;
  train(model, *golden, unused);
  save("trained");
}

}  // namespace oracle
