#include "tools/strata/file_contents.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "models/saving/model_file.h"
#include "tools/strata/config_survey.h"

namespace strata::tools {

namespace {

/// Beyond these limits a tree is not that of a model: groups of HDF5 files can hold each other in a circle.
constexpr int most_depth = 64;
constexpr int most_objects = 200'000;

bool is_number(const std::string& name) {
  return !name.empty() && name.size() < 10 &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// Variables are numbered: 2 comes before 10, and both before names.
bool comes_before(const std::string& a, const std::string& b) {
  if (is_number(a) != is_number(b)) return is_number(a);
  return is_number(a) ? std::stoi(a) < std::stoi(b) : a < b;
}

class TreeReader {
 public:
  TreeReader(const StoredTree& file, std::vector<std::string>& problems) : file_(file), problems_(problems) {}

  StoredObject read(const std::string& path, const std::string& name, int depth) {
    StoredObject object{.name = name};
    try {
      if (depth > most_depth) throw Error(path, "lies more than " + std::to_string(most_depth) + " groups deep");
      if (++objects_ > most_objects)
        throw Error(path, "is beyond the " + std::to_string(most_objects) + " objects that are listed");
      fill(object, path, depth);
    } catch (const Error& e) {
      object.problem = e.message();
      if (objects_ <= most_objects + 1) problems_.push_back(e.what());  // that there are too many is said once
    }
    return object;
  }

 private:
  void fill(StoredObject& object, const std::string& path, int depth) {
    if (file_.has_dataset(path)) {
      object.is_array = true;
      object.array = file_.describe(path);
      return;
    }
    if (!file_.has_group(path)) throw Error(path, "is neither a group nor a data set");
    if (file_.has_attribute(path, "name")) object.layer = file_.read_text(path, "name");
    std::vector<std::string> names = file_.children(path);
    std::ranges::sort(names, comes_before);
    for (const std::string& name : names) {
      if (objects_ > most_objects) return;
      object.children.push_back(read(joined_path(path, name), name, depth + 1));
    }
  }

  const StoredTree& file_;
  std::vector<std::string>& problems_;
  int objects_ = 0;
};

void add(const StoredObject& object, Amount& amount) {
  if (object.is_array) {
    double numbers = 1;
    for (const std::int64_t size : object.array.shape) numbers *= static_cast<double>(size);
    ++amount.arrays;
    amount.numbers += numbers;
    amount.bytes += static_cast<double>(object.array.bytes);
  }
  for (const StoredObject& child : object.children) add(child, amount);
}

const StoredObject* child_of(const StoredObject& object, const std::string& name) {
  for (const StoredObject& child : object.children)
    if (child.name == name) return &child;
  return nullptr;
}

bool is_optimizer(const StoredObject& group) { return group.name == "optimizer" || group.name == "optimizer_weights"; }

/// The optimizer's counter of steps is its first variable, or in files of Keras 2 the one whose name begins with
/// `iter`.
std::optional<std::string> counter_path(const StoredObject& group, const std::string& path) {
  for (const StoredObject& child : group.children) {
    const std::string below = joined_path(path, child.name);
    const bool is_counter = child.name.starts_with("iter") || (group.name == "vars" && child.name == "0");
    if (child.is_array && is_counter && child.array.shape.rank() == 0) return below;
    if (auto found = counter_path(child, below)) return found;
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(const std::string& path, bool isolated) : path_(path), file_(ModelFile::open(path, isolated)) {}

  FileContents read() {
    contents_.bytes = std::filesystem::file_size(path_);
    // The texts first: should the weights be damaged, the process that reads them may die of it.
    if (kind_of_file(path_) == FileKind::keras)
      attempt([&] { read_archive(); });
    else
      attempt([&] { read_attributes(); });
    contents_.tree = TreeReader(*file_, contents_.problems).read("", "", 0);
    attempt([&] { name_kind(); });
    for (const StoredObject& group : contents_.tree.children)
      add(group, is_optimizer(group) ? contents_.state : contents_.weights);
    attempt([&] { read_optimizer(); });
    return std::move(contents_);
  }

 private:
  void attempt(const auto& f) {
    try {
      f();
    } catch (const Error& e) {
      contents_.problems.push_back(e.what());
    }
  }

  ConfigValue parsed(const std::string& text, const std::string& what) const {
    return parse_json(text, path_ + ": " + what);
  }

  void read_archive() {
    if (const auto text = file_->text("metadata.json")) {
      const ConfigValue metadata = parsed(*text, "metadata.json");
      contents_.keras_version = text_at(metadata, "keras_version");
      contents_.date = text_at(metadata, "date_saved");
    }
    const auto text = file_->text("config.json");
    if (!text) throw Error(path_, "there is no member 'config.json' in the archive");
    const ConfigValue config = parsed(*text, "config.json");
    take_config(config);
    take_compile(value_at(config, "compile_config"));
  }

  void read_attributes() {
    const auto attribute = [&](const char* name) {
      return file_->has_attribute("", name) ? file_->read_text("", name) : std::string();
    };
    contents_.keras_version = attribute("keras_version");
    contents_.backend = attribute("backend");
    if (file_->has_attribute("", "model_config")) take_config(parsed(attribute("model_config"), "model_config"));
    if (file_->has_attribute("", "training_config"))
      take_compile(parsed(attribute("training_config"), "training_config"));
  }

  void take_config(const ConfigValue& config) {
    contents_.model = model_facts(config);
    add_unknown_classes(config, contents_.unknown);
  }

  void take_compile(const ConfigValue& config) {
    if (config.is_null() || (std::holds_alternative<Config>(config.variant()) && config.as_config().empty())) return;
    contents_.compile = config;
    const ConfigValue& old = value_at(config, "optimizer_config");
    const ConfigValue& optimizer = old.is_null() ? value_at(config, "optimizer") : old;
    if (!optimizer.is_null()) contents_.optimizer = brief(optimizer);
    contents_.learning_rate = value_at(value_at(optimizer, "config"), "learning_rate");
    add_unknown_classes(config, contents_.unknown);
  }

  void name_kind() {
    const bool has_layout = child_of(contents_.tree, "layers") || child_of(contents_.tree, "vars") ||
                            child_of(contents_.tree, "_layer_checkpoint_dependencies");
    if (kind_of_file(path_) == FileKind::keras)
      contents_.kind = "a whole model (.keras)";
    else if (contents_.model)
      contents_.kind = "a whole model (legacy .h5)";
    else if (has_layout)
      contents_.kind = "weights (.weights.h5)";
    else if (file_->has_attribute("", "layer_names") || file_->has_attribute("", "layer_names0"))
      contents_.kind = "weights (legacy .h5)";
    else
      contents_.kind = "an HDF5 file that holds neither a model nor weights of Keras";
  }

  void read_optimizer() {
    for (const StoredObject& group : contents_.tree.children) {
      if (!is_optimizer(group)) continue;
      if (const StoredObject* variables = child_of(group, "vars"); variables && contents_.optimizer.empty())
        contents_.optimizer = variables->layer;
      if (const auto counter = counter_path(group, group.name))
        contents_.steps = file_->read(*counter, DType::i64).item<std::int64_t>();
    }
  }

  std::string path_;
  std::unique_ptr<ModelFile> file_;
  FileContents contents_;
};

void list_objects(const StoredObject& object, const std::string& path, ConfigValue::List& all) {
  for (const StoredObject& child : object.children) {
    const std::string below = joined_path(path, child.name);
    Config entry{{"path", below}};
    if (child.is_array) {
      entry.set("dtype", child.array.type);
      entry.set("shape", ConfigValue(child.array.shape.dims()));
      entry.set("bytes", child.array.bytes);
    } else if (!child.layer.empty()) {
      entry.set("layer", child.layer);
    }
    if (!child.problem.empty()) entry.set("problem", child.problem);
    all.push_back(entry);
    list_objects(child, below, all);
  }
}

Config config_of(const Amount& amount) {
  const auto whole = [](double number) { return static_cast<std::int64_t>(std::min(number, 9e18)); };
  return {{"arrays", amount.arrays}, {"numbers", whole(amount.numbers)}, {"bytes", whole(amount.bytes)}};
}

Config counts(const std::map<std::string, std::int64_t>& by_name) {
  Config all;
  for (const auto& [name, count] : by_name) all.set(name, count);
  return all;
}

ConfigValue or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

template <class Texts>
ConfigValue::List list_of(const Texts& texts) {
  return ConfigValue::List(texts.begin(), texts.end());
}
}  // namespace

Config FileContents::to_config() const {
  Config all{{"kind", kind},
             {"bytes", bytes},
             {"keras_version", or_null(keras_version)},
             {"backend", or_null(backend)},
             {"date_saved", or_null(date)}};
  if (model)
    all.set("model", Config{{"class_name", model->class_name},
                            {"name", model->name},
                            {"inputs", list_of(model->inputs)},
                            {"layers", counts(model->layers)},
                            {"operations", model->operations},
                            {"nested_models", model->nested_models},
                            {"dtype_policies", counts(model->policies)}});
  all.set("compile_config", compile);
  Config state_config = config_of(state);
  state_config.set("class_name", or_null(optimizer));
  state_config.set("learning_rate", learning_rate);
  if (steps) state_config.set("steps", *steps);
  all.set("optimizer", state_config);
  all.set("weights", config_of(weights));
  all.set("unknown_classes", list_of(unknown));
  ConfigValue::List objects;
  list_objects(tree, "", objects);
  all.set("objects", objects);
  all.set("problems", list_of(problems));
  return all;
}

FileContents read_contents(const std::string& path, bool isolated) { return Reader(path, isolated).read(); }

}  // namespace strata::tools
