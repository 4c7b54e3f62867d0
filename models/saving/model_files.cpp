// Saving and loading of models, whatever the kind of file.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "core/base/atomic_file.h"
#include "core/base/json.h"
#include "core/base/zip_archive.h"
#include "core/device/allocation_budget.h"
#include "layers/initial_values.h"
#include "models/functional.h"
#include "models/model_config.h"
#include "models/saving/compile_config.h"
#include "models/saving/keras_versions.h"
#include "models/saving/legacy_layout.h"
#include "models/saving/load_model.h"
#include "models/saving/model_file.h"
#include "models/saving/weights_layout.h"
#include "models/trainer.h"

namespace strata {

namespace {

/// "2026-05-13@21:23:40", as Keras dates its files.
std::string date_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d@%H:%M:%S", &parts)};
}

std::string place(const std::string& call, const std::string& path) { return call + " '" + path + "'"; }

// ---- Saving

void save_archive(const Model& model, const std::string& path, const SaveOptions& options) {
  const ModelDefinition& definition = model.definition();
  Config config = to_config(model, Spelling::keras3).as_config();
  config.set("compile_config", definition.trainer ? compile_config(definition.trainer->options(), Spelling::keras3)
                                                  : ConfigValue(Config{}));
  const std::string config_text = to_json(config);
  const std::string metadata = to_json(Config{{"keras_version", keras_version}, {"date_saved", date_now()}});
  const auto weights = Hdf5File::create_bytes(path + ":model.weights.h5");
  write_weights(*weights, definition, options.include_optimizer);
  AtomicFile target(path);
  write_zip(target.temporary(),
            {{"metadata.json", metadata}, {"config.json", config_text}, {"model.weights.h5", weights->image()}});
  target.commit();
}

void save_legacy(const Model& model, const std::string& path, const SaveOptions& options) {
  const ModelDefinition& definition = model.definition();
  if (!definition.has_graph())
    throw Error(place("save", path), "the model '" + model.name() +
                                         "' has not been built yet: a legacy `.h5` file needs its "
                                         "weights. Give it an Input, call it on data first, or save as `.keras`");
  const std::string config = to_json(to_config(model, Spelling::legacy));
  AtomicFile target(path);
  const auto file = Hdf5File::create(target.temporary());
  file->write_text("", "keras_version", legacy_keras_version, Hdf5Text::variable_utf8);
  file->write_text("", "backend", keras_backend, Hdf5Text::variable_utf8);
  file->write_text("", "model_config", config, Hdf5Text::variable_ascii);
  write_legacy_weights(*file, "model_weights", definition);
  if (definition.trainer && options.include_optimizer) {
    file->write_text("", "training_config", to_json(compile_config(definition.trainer->options(), Spelling::legacy)),
                     Hdf5Text::variable_ascii);
    write_legacy_optimizer(*file, definition.trainer->optimizer());
  }
  file->close();
  target.commit();
}

// ---- Loading

Model read_model(const std::string& path, const ConfigValue& config) {
  const layers::WithoutInitialValues overwritten_by_the_file;
  try {
    return model_from_config(config);
  } catch (const MemoryError&) {
    throw;
  } catch (const Error& e) {
    throw Error(place("load_model", path), e.what());
  }
}

/// A model without weights of its own yet, compiled if the file says how and the options ask for it.
Model model_from_texts(const std::string& path, const std::string& config_text,
                       const std::optional<ConfigValue>& compile, bool is_keras2) {
  Model model = read_model(path, parse_json(config_text, path + ": model config"));
  if (!compile) return model;
  std::vector<std::string> outputs = model.output_names();
  if (outputs.empty()) outputs = {""};  // a Sequential that does not know its input
  try {
    model.compile(compile_options(*compile, outputs, is_keras2));
  } catch (const Error& e) {
    throw Error(place("load_model", path), std::string("the compile settings in the file cannot be restored: ") +
                                               e.what() +
                                               ". LoadOptions{.compile = false} loads the model without them");
  }
  return model;
}

Model load_archive(const std::string& path, const ModelFile& file, const LoadOptions& options) {
  const auto text = file.text("config.json");
  if (!text) throw Error(place("load_model", path), "there is no member 'config.json' in the archive");
  const ConfigValue whole = parse_json(*text, path + ": config.json");
  std::optional<ConfigValue> compile;
  if (const auto* top = std::get_if<Config>(&whole.variant());
      options.compile && top && top->contains("compile_config")) {
    const ConfigValue& stated = top->at("compile_config");
    if (!stated.is_null() && !stated.as_config().empty()) compile = stated;
  }
  Model model = model_from_texts(path, *text, compile, false);
  const PendingValues values = read_weights(file, model.definition(), {.where = place("load_model", path)});
  values.assign();
  return model;
}

/// What a model in a file may make this process allocate for its weights, those of the optimizer, and copies of both: a
/// config of a few bytes can name any size.
std::uint64_t allowance(const std::string& path) {
  return (std::uint64_t{1} << 30) + 100 * std::filesystem::file_size(path);
}

bool is_from_keras2(const ModelFile& file) {
  return file.has_attribute("", "keras_version") && !file.read_text("", "keras_version").starts_with("3");
}

Model load_legacy(const std::string& path, const ModelFile& file, const LoadOptions& options) {
  const std::string where = place("load_model", path);
  if (!file.has_attribute("", "model_config")) throw Error(where, "No model config found in the file at " + path + ".");
  std::optional<ConfigValue> compile;
  if (options.compile && file.has_attribute("", "training_config"))
    compile = parse_json(file.read_text("", "training_config"), path + ": training_config");
  else if (options.compile)
    std::fprintf(stderr,
                 "strata: warning: [%s] No training configuration found in the save file, so the model was *not* "
                 "compiled. Compile it manually.\n",
                 where.c_str());
  Model model = model_from_texts(path, file.read_text("", "model_config"), compile, is_from_keras2(file));
  PendingValues values = read_legacy_weights(file, "model_weights", model.definition(), {.where = where});
  values.append(read_legacy_optimizer(file, model.definition(), where));
  values.assign();
  return model;
}

}  // namespace

void Model::save(const std::string& path, const SaveOptions& options) const {
  const FileKind kind = kind_of_file(path);
  if (kind == FileKind::weights)
    throw Error(place("save", path),
                "a `.weights.h5` file holds weights alone, which save_weights writes; a model needs a "
                "name that ends in `.keras` or `.h5`");
  if (!definition().speaks()) return;
  const UseGuard guard(definition().use, UseGuard::Use::reading, name());
  kind == FileKind::keras ? save_archive(*this, path, options) : save_legacy(*this, path, options);
}

void Model::save_weights(const std::string& path) const {
  if (!path.ends_with(".weights.h5"))
    throw Error("save_weights", "The filename must end in `.weights.h5`. Received: filepath=" + path);
  if (!definition().has_graph())
    throw Error("save_weights", "the model '" + name() + "' has not been built yet: it has no weights to save");
  if (!definition().speaks()) return;
  const UseGuard guard(definition().use, UseGuard::Use::reading, name());
  AtomicFile target(path);
  const auto file = Hdf5File::create(target.temporary());
  write_weights(*file, definition(), true);
  file->close();
  target.commit();
}

void Model::load_weights(const std::string& path, const LoadWeightsOptions& options) {
  const std::string where = place("load_weights", path);
  const bool is_legacy = kind_of_file(path) == FileKind::legacy;
  if (options.by_name && !is_legacy)
    throw Error(where, "by_name is for legacy `.h5` files: in others, layers have no names");
  if (options.skip_mismatch && is_legacy && !options.by_name)
    throw Error(where, "skip_mismatch needs by_name in a legacy `.h5` file: layers are told by their order there");
  if (!definition().has_graph())
    throw Error(where, "You are loading weights into a model that has not yet been built: give '" + name() +
                           "' an Input, or call it on data first");
  const UseGuard guard(definition().use, UseGuard::Use::training, name());
  const std::unique_ptr<ModelFile> file = ModelFile::open(path, options.isolated);
  if (!is_legacy) {
    read_weights(*file, definition(), {.where = where, .skip_mismatch = options.skip_mismatch}).assign();
    return;
  }
  const bool is_whole = !file->has_attribute("", "layer_names") && !file->has_attribute("", "layer_names0");
  read_legacy_weights(*file, is_whole ? "model_weights" : "", definition(),
                      {.where = where, .by_name = options.by_name, .skip_mismatch = options.skip_mismatch})
      .assign();
}

Model load_model(const std::string& path, const LoadOptions& options) {
  if (kind_of_file(path) == FileKind::weights)
    throw Error(place("load_model", path),
                "a `.weights.h5` or `.weights.json` file holds weights alone: make the model, then load_weights");
  const std::unique_ptr<ModelFile> file = ModelFile::open(path, options.isolated);
  const AllocationBudget budget(place("load_model", path), allowance(path));
  return path.ends_with(".keras") ? load_archive(path, *file, options) : load_legacy(path, *file, options);
}

}  // namespace strata
