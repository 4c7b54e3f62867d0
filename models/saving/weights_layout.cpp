#include "models/saving/weights_layout.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "core/graph/names.h"
#include "models/saving/optimizer_state.h"
#include "models/trainer.h"

namespace strata {

namespace {

/// One object of the file: a group `<path>/vars` with the variables of a layer, a model or the optimizer.
struct StoredObject {
  std::string path;  ///< without a leading '/', empty for the root
  std::string name;
  std::string described;  ///< "Layer 'dense'", for messages
  Variables variables;
};

/// Keras stores trainable variables first, whether the layer is frozen or not.
Variables stored_order(const Variables& own) {
  Variables ordered;
  for (const bool trainable : {true, false})
    for (const Variable& v : own)
      if (v.trainable() == trainable) ordered.push_back(v);
  return ordered;
}

/// Names of the children of one container: snake-case class names, numbered where they repeat.
class ChildNames {
 public:
  std::string next(const std::string& class_name) {
    const std::string stem = snake_case(class_name);
    const int count = count_[stem]++;
    return count == 0 ? stem : stem + "_" + std::to_string(count);
  }

 private:
  std::map<std::string, int> count_;
};

/// Walks a model as Keras does. A layer in two places is stored in the first.
class ObjectWalk {
 public:
  explicit ObjectWalk(std::string container) : container_(std::move(container)) {}
  void add_model(const ModelDefinition& model, const std::string& path) {
    objects_.push_back({path, model.name(), "model '" + model.name() + "'", {}});
    const std::string inside = joined_path(path, container_);
    ChildNames names;
    // A functional model's input layers are stored, a Sequential's are not.
    if (!model.is_sequential()) {
      for (const auto& node : model.operations()) {
        if (!node->callee) {
          const std::string input = "input '" + node->input_name + "'";
          objects_.push_back({joined_path(inside, names.next("InputLayer")), node->input_name, input, {}});
        } else if (const auto* layer = dynamic_cast<const layers::Base*>(node->callee.get())) {
          add_layer(*layer, joined_path(inside, names.next(layer->class_name())));
        }
      }
      return;
    }
    for (const Layer& layer : model.sublayers())
      add_layer(layer.base(), joined_path(inside, names.next(layer.class_name())));
  }
  std::vector<StoredObject> take() { return std::move(objects_); }

 private:
  void add_layer(const layers::Base& layer, const std::string& path) {
    if (!seen_.insert(&layer).second) return;
    if (const auto* nested = dynamic_cast<const ModelDefinition*>(&layer)) return add_model(*nested, path);
    objects_.push_back({path, layer.name(), "Layer '" + layer.name() + "'", stored_order(layer.own_weights())});
    // Keras's wrappers keep what they wrap in the attribute `layer`; lists of layers are containers like a model's.
    const Layers inner = layer.sublayers();
    if (inner.size() == 1) return add_layer(inner[0].base(), joined_path(path, "layer"));
    ChildNames names;
    for (const Layer& one : inner)
      add_layer(one.base(), joined_path(joined_path(path, "layers"), names.next(one.class_name())));
  }

  std::string container_;
  std::vector<StoredObject> objects_;
  std::set<const layers::Base*> seen_;
};

std::vector<StoredObject> objects_of(const ModelDefinition& model, const std::string& container = "layers") {
  ObjectWalk walk(container);
  walk.add_model(model, "");
  return walk.take();
}

std::string vars_group(const std::string& path) { return joined_path(path, "vars"); }

void write_object(Hdf5File& file, const StoredObject& object) {
  const std::string group = vars_group(object.path);
  file.create_group(group);
  file.write_text(group, "name", object.name, Hdf5Text::variable_utf8);
  for (std::size_t i = 0; i < object.variables.size(); ++i)
    file.write(joined_path(group, std::to_string(i)), object.variables[i].value());
}

std::string list_of_names(const Variables& variables) {
  std::string text;
  for (const Variable& v : variables) text += (text.empty() ? "'" : ", '") + v.name() + "'";
  return "[" + text + "]";
}

std::size_t stored_count(const StoredTree& file, const std::string& group) {
  return file.has_group(group) ? file.children(group).size() : 0;
}

PendingValues read_object(const StoredTree& file, const StoredObject& object) {
  const std::string group = vars_group(object.path);
  const std::size_t stored = stored_count(file, group);
  if (stored != object.variables.size())
    throw Error("expected " + std::to_string(object.variables.size()) + " variables, but received " +
                std::to_string(stored) + " variables during loading. Expected: " + list_of_names(object.variables));
  PendingValues values;
  for (std::size_t i = 0; i < stored; ++i)
    values.read(file, joined_path(group, std::to_string(i)), object.variables[i]);
  return values;
}

/// Objects that could not be read, collected into one error.
class Failures {
 public:
  void add(const StoredObject& object, const Error& e) {
    if (count_++ == 0) first_ = object.described + (e.message().starts_with("expected") ? " " : ": ") + e.message();
    list_ += (list_.empty() ? "" : ", ") + object.described;
  }
  void report(const WeightsReading& reading) const {
    if (count_ == 0) return;
    const std::string text = "A total of " + std::to_string(count_) +
                             " objects could not be loaded. Example error message: " + first_ +
                             ". List of objects that could not be loaded: [" + list_ + "]";
    if (!reading.skip_mismatch) throw Error(reading.where, text);
    std::fprintf(stderr, "strata: warning: [%s] %s\n", reading.where.c_str(), text.c_str());
  }

 private:
  std::size_t count_ = 0;
  std::string first_, list_;
};

void write_optimizer(Hdf5File& file, const Optimizer& optimizer) {
  const Variables all = optimizer.variables();
  write_object(file, {"optimizer", optimizer.name(), "optimizer", all});
  // A LossScaleOptimizer's list goes on with the inner optimizer's variables, which Keras stores as that one's, too.
  const auto last_own =
      std::find_if(all.begin(), all.end(), [](const Variable& v) { return v.name() == "dynamic_scale"; });
  if (last_own == all.end()) return;
  const Variables inner(last_own + 1, all.end());
  const std::string name = inner.at(0).path().substr(0, inner.at(0).path().find('/'));
  write_object(file, {"optimizer/inner_optimizer", name, "inner optimizer", inner});
}

PendingValues read_optimizer(const StoredTree& file, const ModelDefinition& model, const WeightsReading& reading) {
  const std::size_t stored = stored_count(file, "optimizer/vars");
  if (stored == 0) return {};
  const Optimizer& optimizer = model.trainer->optimizer();
  const Variables trained = model.trainable_weights();
  std::vector<std::string> datasets;
  for (std::size_t i = 0; i < stored; ++i) datasets.push_back("optimizer/vars/" + std::to_string(i));
  try {
    return read_optimizer_state(file, datasets, {}, optimizer, trained);
  } catch (const Error& e) {
    std::fprintf(stderr, "strata: warning: [%s] Skipping variable loading for optimizer '%s': %s\n",
                 reading.where.c_str(), optimizer.name().c_str(), e.what());
    return {};
  }
}

}  // namespace

void write_weights(Hdf5File& file, const ModelDefinition& model, bool include_optimizer) {
  for (const StoredObject& object : objects_of(model)) write_object(file, object);
  if (include_optimizer && model.trainer) write_optimizer(file, model.trainer->optimizer());
}

PendingValues read_weights(const StoredTree& file, ModelDefinition& model, const WeightsReading& reading) {
  PendingValues values;
  Failures failures;
  const std::string before_2_14 = "_layer_checkpoint_dependencies";  // what tf.keras called the list of layers
  const bool is_older = !file.has_group("layers") && file.has_group(before_2_14);
  for (const StoredObject& object : objects_of(model, is_older ? before_2_14 : "layers")) {
    try {
      values.append(read_object(file, object));
    } catch (const Error& e) {
      failures.add(object, e);
    }
  }
  failures.report(reading);
  if (model.trainer) values.append(read_optimizer(file, model, reading));
  return values;
}

}  // namespace strata
