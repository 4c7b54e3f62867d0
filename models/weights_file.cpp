#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>

#include "core/graph/names.h"
#include "models/atomic_file.h"
#include "models/functional.h"
#include "models/hdf5_file.h"
#include "models/model.h"
#include "models/trainer.h"

namespace strata {

namespace {
/// One object of the file: a group `<path>/vars` with the variables 0, 1, ... of a layer, a model or the optimizer.
struct StoredObject {
  std::string path;  ///< without a leading '/', empty for the root
  std::string name;
  std::string described;  ///< "Layer 'dense'", for messages
  Variables variables;
};

std::string joined(const std::string& a, const std::string& b) { return a.empty() ? b : a + "/" + b; }

/// Keras stores trainable variables first, whether the layer is frozen or not.
Variables stored_order(const Variables& own) {
  Variables ordered;
  for (const Variable& v : own)
    if (v.trainable()) ordered.push_back(v);
  for (const Variable& v : own)
    if (!v.trainable()) ordered.push_back(v);
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

/// Keras 3's layout (keras/src/saving/saving_lib.py, 3.15): the model at the root, its layers under `layers`, nested
/// models alike. A functional model's input layers are there, a Sequential's are not.
void add_objects(const ModelDefinition& model, const std::string& path, std::vector<StoredObject>& objects) {
  objects.push_back({path, model.name(), "model '" + model.name() + "'", {}});
  ChildNames names;
  const auto add_layer = [&](const layers::Base& layer) {
    const std::string child = joined(joined(path, "layers"), names.next(layer.class_name()));
    if (const auto* nested = dynamic_cast<const ModelDefinition*>(&layer)) return add_objects(*nested, child, objects);
    objects.push_back({child, layer.name(), "Layer '" + layer.name() + "'", stored_order(layer.own_weights())});
  };
  if (model.is_sequential()) {
    for (const Layer& layer : model.sublayers()) add_layer(layer.base());
    return;
  }
  for (const auto& node : model.operations()) {
    if (!node->callee)
      objects.push_back({joined(joined(path, "layers"), names.next("InputLayer")), node->input_name, "input '" + node->input_name + "'", {}});
    else if (const auto* layer = dynamic_cast<const layers::Base*>(node->callee.get()))
      add_layer(*layer);
  }
}

std::string vars_group(const StoredObject& o) { return joined(o.path, "vars"); }

void check_extension(const std::string& path) {
  if (!path.ends_with(".weights.h5"))
    throw Error("save_weights", "The filename must end in `.weights.h5`. Received: filepath=" + path);
}

void write_object(Hdf5File& file, const StoredObject& object) {
  const std::string group = vars_group(object);
  file.create_group(group);
  file.write_text(group, "name", object.name, Hdf5Text::variable_utf8);
  for (std::size_t i = 0; i < object.variables.size(); ++i)
    file.write(joined(group, std::to_string(i)), object.variables[i].value());
}

/// What a load will do once everything has been checked.
struct Assignment {
  Variable variable;
  Tensor value;
};

std::string expected_names(const Variables& variables) {
  std::string text;
  for (const Variable& v : variables) text += (text.empty() ? "'" : ", '") + v.name() + "'";
  return "[" + text + "]";
}

std::size_t stored_count(const Hdf5File& file, const std::string& group) {
  return file.has_group(group) ? file.children(group).size() : 0;
}

/// Appends the object's assignments, or returns what is wrong with it.
std::string read_object(const Hdf5File& file, const StoredObject& object, std::vector<Assignment>& assignments) {
  const std::string group = vars_group(object);
  const std::size_t stored = stored_count(file, group);
  if (stored != object.variables.size())
    return object.described + " expected " + std::to_string(object.variables.size()) + " variables, but received " +
           std::to_string(stored) + " variables during loading. Expected: " + expected_names(object.variables);
  for (std::size_t i = 0; i < stored; ++i) {
    const std::string name = joined(group, std::to_string(i));
    const Variable& variable = object.variables[i];
    if (!file.has_dataset(name)) return object.described + " has no data set '" + name + "'";
    const Shape shape = file.dataset_type(name).shape;
    if (shape != variable.shape())
      return object.described + ": the variable '" + variable.path() + "' has shape " + to_string(variable.shape()) +
             ", but the file holds " + to_string(shape);
    assignments.push_back({variable, file.read(name, variable.dtype())});
  }
  return {};
}
}  // namespace

void Model::save_weights(const std::string& path) const {
  check_extension(path);
  const ModelDefinition& model = definition();
  if (!model.has_graph()) throw Error("save_weights", "the model '" + name() + "' has not been built yet: it has no weights to save");
  std::vector<StoredObject> objects;
  add_objects(model, "", objects);
  if (model.trainer && model.trainer->optimizer().built()) {
    const Optimizer& optimizer = model.trainer->optimizer();
    objects.push_back({"optimizer", optimizer.name(), "optimizer '" + optimizer.name() + "'", optimizer.variables()});
  }
  AtomicFile target(path);
  Hdf5File file = Hdf5File::create(target.temporary());
  for (const StoredObject& object : objects) write_object(file, object);
  file.close();
  target.commit();
}

void Model::load_weights(const std::string& path) {
  check_extension(path);
  ModelDefinition& model = definition();
  if (!model.has_graph())
    throw Error("load_weights", "You are loading weights into a model that has not yet been built: give '" + name() +
                                    "' an Input, or call it on data first");
  const UseGuard guard(model.use, UseGuard::Use::training, name());
  const Hdf5File file = Hdf5File::open(path);
  std::vector<StoredObject> objects;
  add_objects(model, "", objects);
  std::vector<Assignment> assignments;
  std::string first, list;
  std::size_t failures = 0;
  for (const StoredObject& object : objects) {
    const std::string problem = read_object(file, object, assignments);
    if (problem.empty()) continue;
    if (failures++ == 0) first = problem;
    list += (list.empty() ? "" : ", ") + object.described;
  }
  if (failures > 0)
    throw Error("load_weights '" + path + "'", "A total of " + std::to_string(failures) +
                                                   " objects could not be loaded. Example error message: " + first +
                                                   ". List of objects that could not be loaded: [" + list + "]");
  if (model.trainer && stored_count(file, "optimizer/vars") > 0) {
    Optimizer& optimizer = model.trainer->optimizer();
    if (!optimizer.built()) optimizer.build(model.trainable_weights());
    const StoredObject object{"optimizer", optimizer.name(), "optimizer '" + optimizer.name() + "'", optimizer.variables()};
    std::vector<Assignment> slots;
    const std::string problem = read_object(file, object, slots);
    if (problem.empty())
      assignments.insert(assignments.end(), slots.begin(), slots.end());
    else
      std::fprintf(stderr, "Skipping variable loading for optimizer '%s' of '%s': %s\n", optimizer.name().c_str(), path.c_str(), problem.c_str());
  }
  for (const Assignment& a : assignments) a.variable.storage().copy_from(a.value);
}

}  // namespace strata
