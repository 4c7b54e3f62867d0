#include "models/saving/legacy_layout.h"

#include <cstdio>
#include <map>
#include <optional>
#include <set>

#include "models/saving/keras_versions.h"
#include "models/saving/name_lists.h"
#include "models/saving/optimizer_state.h"
#include "models/trainer.h"

namespace strata {

namespace {

using Names = std::vector<std::string>;

/// A layer of the model as these files know it: input layers have no weights.
struct LegacyLayer {
  std::string name;
  Variables weights;
};

Variables legacy_order(const layers::Base& layer) {
  Variables all = layer.trainable_weights();
  const Variables more = layer.non_trainable_weights();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<LegacyLayer> legacy_layers(const ModelDefinition& model) {
  std::vector<LegacyLayer> all;
  if (model.is_sequential()) {
    for (const Layer& layer : model.sublayers()) all.push_back({layer.name(), legacy_order(layer.base())});
    return all;
  }
  for (const auto& node : model.operations()) {
    if (!node->callee)
      all.push_back({node->input_name, {}});
    else if (const auto* layer = dynamic_cast<const layers::Base*>(node->callee.get()))
      all.push_back({layer->name(), legacy_order(*layer)});
  }
  return all;
}

/// The variables' paths, made different where they are not: only the order tells readers what is what.
Names data_set_names(const Variables& variables) {
  Names names;
  std::set<std::string> taken;
  for (const Variable& v : variables) {
    const std::string stem = v.path();
    std::string name = stem;
    for (int i = 1; !taken.insert(name).second; ++i) name = stem + "_" + std::to_string(i);
    names.push_back(name);
  }
  return names;
}

void write_group(Hdf5File& file, const std::string& group, const Variables& variables) {
  const Names names = data_set_names(variables);
  file.create_group(group);
  write_name_list(file, group, "weight_names", names);
  for (std::size_t i = 0; i < names.size(); ++i) file.write(joined_path(group, names[i]), variables[i].value());
}

/// What a group of the file holds: its data sets in their order.
Names read_group(const StoredTree& file, const std::string& group) {
  Names paths = read_name_list(file, group, "weight_names");
  for (std::string& name : paths) name = joined_path(group, name);
  return paths;
}

std::string count_mismatch(const LegacyLayer& layer, std::size_t index, const std::string& stored_name,
                           std::size_t stored) {
  return "Weight count mismatch for layer #" + std::to_string(index) + " (named " + layer.name +
         " in the current model, " + stored_name + " in the save file). Layer expects " +
         std::to_string(layer.weights.size()) + " weight(s). Received " + std::to_string(stored) + " saved weight(s)";
}

PendingValues read_layer(const StoredTree& file, const LegacyLayer& layer, std::size_t index,
                         const std::string& stored_name, const Names& stored) {
  if (stored.size() != layer.weights.size()) throw Error(count_mismatch(layer, index, stored_name, stored.size()));
  PendingValues values;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const Variable& v = layer.weights[i];
    const Shape shape = file.has_dataset(stored[i]) ? file.dataset_type(stored[i]).shape : v.shape();
    if (shape != v.shape())
      throw Error("Shape mismatch in layer #" + std::to_string(index) + " (named " + layer.name + ") for weight " +
                  v.path() + ". Weight expects shape " + to_string(v.shape()) + ". Received saved weight with shape " +
                  to_string(shape));
    values.read(file, stored[i], v);
  }
  return values;
}

struct StoredLayer {
  std::string name;
  Names datasets;
};

/// Hard links let a small file list the weights of one group as those of any number of layers: it ends somewhere.
constexpr std::size_t most_stored_weights = 1'000'000;

std::vector<StoredLayer> stored_layers(const StoredTree& file, const std::string& group) {
  std::vector<StoredLayer> all;
  std::set<std::string> seen;
  std::size_t weights = 0;
  for (const std::string& name : read_name_list(file, group, "layer_names")) {
    if (!seen.insert(name).second) throw Error("the layer '" + name + "' comes twice in the list `layer_names`");
    const std::string path = joined_path(group, name);
    if (!file.has_group(path)) throw Error("the layer '" + name + "' is in the list `layer_names`, but has no group");
    all.push_back({name, read_group(file, path)});
    weights += all.back().datasets.size();
    if (weights > most_stored_weights)
      throw Error("the file lists more than " + std::to_string(most_stored_weights) + " weights");
  }
  return all;
}

PendingValues read_by_order(const StoredTree& file, const std::vector<StoredLayer>& stored,
                            const ModelDefinition& model) {
  std::vector<LegacyLayer> with_weights;
  for (const LegacyLayer& layer : legacy_layers(model))
    if (!layer.weights.empty()) with_weights.push_back(layer);
  std::vector<const StoredLayer*> saved;
  for (const StoredLayer& layer : stored)
    if (!layer.datasets.empty()) saved.push_back(&layer);
  if (saved.size() != with_weights.size())
    throw Error("Layer count mismatch when loading weights from file. Model expected " +
                std::to_string(with_weights.size()) + " layers, found " + std::to_string(saved.size()) +
                " saved layers.");
  PendingValues values;
  for (std::size_t i = 0; i < saved.size(); ++i)
    values.append(read_layer(file, with_weights[i], i, saved[i]->name, saved[i]->datasets));
  return values;
}

PendingValues read_by_name(const StoredTree& file, const std::vector<StoredLayer>& stored, const ModelDefinition& model,
                           const LegacyReading& reading) {
  PendingValues values;
  std::map<std::string_view, const StoredLayer*> by_name;
  for (const StoredLayer& layer : stored) by_name[layer.name] = &layer;
  std::size_t index = 0;
  for (const LegacyLayer& layer : legacy_layers(model)) {
    const std::size_t number = index++;
    const auto saved = by_name.find(layer.name);
    if (saved == by_name.end()) continue;
    try {
      values.append(read_layer(file, layer, number, layer.name, saved->second->datasets));
    } catch (const Error& e) {
      if (!reading.skip_mismatch) throw;
      std::fprintf(stderr, "strata: warning: [%s] Skipping loading of weights for layer '%s': %s\n",
                   reading.where.c_str(), layer.name.c_str(), e.what());
    }
  }
  return values;
}

}  // namespace

void write_legacy_weights(Hdf5File& file, const std::string& group, const ModelDefinition& model) {
  Names names;
  file.create_group(group);
  for (const LegacyLayer& layer : legacy_layers(model)) {
    names.push_back(layer.name);
    write_group(file, joined_path(group, layer.name), layer.weights);
  }
  write_name_list(file, group, "layer_names", names);
  file.write_text(group, "backend", keras_backend, Hdf5Text::variable_ascii);
  file.write_text(group, "keras_version", legacy_keras_version, Hdf5Text::variable_ascii);
  write_group(file, joined_path(group, "top_level_model_weights"), {});
}

void write_legacy_optimizer(Hdf5File& file, const Optimizer& optimizer) {
  write_group(file, "optimizer_weights", keras2_variables(optimizer));
}

PendingValues read_legacy_weights(const StoredTree& file, const std::string& group, const ModelDefinition& model,
                                  const LegacyReading& reading) {
  try {
    const std::vector<StoredLayer> stored = stored_layers(file, group);
    const std::string top = joined_path(group, "top_level_model_weights");
    if (!reading.by_name && file.has_group(top) && !read_group(file, top).empty())
      throw Error("the file holds weights of a subclassed model itself, beside its layers', which no model here has");
    return reading.by_name ? read_by_name(file, stored, model, reading) : read_by_order(file, stored, model);
  } catch (const Error& e) {
    if (!e.where().empty()) throw;
    throw Error(reading.where, e.message());
  }
}

PendingValues read_legacy_optimizer(const StoredTree& file, const ModelDefinition& model, const std::string& where) {
  const std::string group = "optimizer_weights";
  if (!model.trainer || !file.has_group(group)) return {};
  const Optimizer& optimizer = model.trainer->optimizer();
  const Variables trained = model.trainable_weights();
  try {
    return read_optimizer_state(file, read_group(file, group), read_name_list(file, group, "weight_names"), optimizer,
                                trained);
  } catch (const Error& e) {
    std::fprintf(
        stderr,
        "strata: warning: [%s] Error in loading the saved optimizer state. As a result, your model is starting "
        "with a freshly initialized optimizer '%s': %s\n",
        where.c_str(), optimizer.name().c_str(), e.what());
    return {};
  }
}

}  // namespace strata
