#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "core/base/atomic_file.h"
#include "core/base/json.h"
#include "models/callbacks/monitor.h"
#include "models/saving/hdf5_file.h"

namespace strata::callbacks {

namespace {
namespace fs = std::filesystem;

/// An HDF5 file with the tensors of the run as tensors/0, tensors/1, ...; an attribute of the root holds their names
/// and all other values as JSON. It is not a weights file: what fit must know to go on does not fit Keras's layout, and
/// ModelCheckpoint saves what others should read.
constexpr const char* attribute = "strata_run";

std::string tensor_name(std::size_t i) { return "tensors/" + std::to_string(i); }

void write_run(const fs::path& path, const SavedState& run) {
  AtomicFile target(path);
  const auto file = Hdf5File::create(target.temporary());
  ConfigValue::List names;
  for (std::size_t i = 0; i < run.tensors.size(); ++i) {
    names.emplace_back(run.tensors[i].first);
    file->write(tensor_name(i), run.tensors[i].second);
  }
  file->write_text("", attribute, to_json(Config{{"values", run.values}, {"tensors", std::move(names)}}),
                   Hdf5Text::variable_utf8);
  file->close();
  target.commit();
}

SavedState read_run(const fs::path& path) {
  const auto file = Hdf5File::open(path);
  const ConfigValue all = parse_json(file->read_text("", attribute), path.string());
  SavedState run{all.as_config().at("values").as_config(), {}, path.string()};
  for (const ConfigValue& name : all.as_config().at("tensors").as_list())
    run.tensors.emplace_back(name.as_string(), file->read(tensor_name(run.tensors.size())));
  return run;
}

class BackupAndRestoreCallback final : public Definition {
 public:
  BackupAndRestoreCallback(const std::string& folder, const BackupAndRestoreOptions& o)
      : folder_(folder),
        latest_(folder_ / "backup.h5"),
        previous_(folder_ / "backup.previous.h5"),
        o_(o),
        every_(o.save_freq) {
    if (folder.empty()) throw Error("BackupAndRestore", "Empty `backup_dir` argument passed");
  }

  bool only_writes() const override { return true; }

  std::optional<SavedState> earlier_run() override {
    if (!fs::exists(latest_)) return std::nullopt;
    try {
      return read_run(latest_);
    } catch (const Error& e) {
      if (!o_.double_checkpoint || !fs::exists(previous_)) throw;
      std::fprintf(stderr, "BackupAndRestore: %s; going on with the backup before it, '%s'\n", e.what(),
                   previous_.c_str());
      return read_run(previous_);
    }
  }

  void on_train_begin() override {
    if (!info().why_unrepeatable.empty())
      throw Error("BackupAndRestore '" + folder_.string() + "'",
                  "expected data that comes in the same order when the program is started again; received " +
                      info().why_unrepeatable);
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error)
      throw Error("BackupAndRestore '" + folder_.string() + "'", "the folder cannot be made: " + error.message());
    remove_leftovers();
  }

  void on_safe_point(const SafePoint& point) override {
    switch (point.kind) {
      case SafePoint::Kind::batch:
        if (every_.batch_due()) save(point);
        break;
      case SafePoint::Kind::epoch:
        if (every_.epoch_due()) save(point);
        break;
      case SafePoint::Kind::interrupted:
        save(point);
        break;
      case SafePoint::Kind::completed:
        if (o_.delete_checkpoint)
          remove();
        else
          save(point);
    }
  }

 private:
  void save(const SafePoint& point) {
    if (o_.double_checkpoint && fs::exists(latest_)) keep_previous();
    write_run(latest_, point.save());
  }

  /// A second name for the last backup, made beside and renamed: both names always lead to a whole file.
  void keep_previous() {
    const fs::path link = folder_ / ".backup.previous.tmp";
    std::error_code error;
    fs::remove(link, error);
    fs::create_hard_link(latest_, link, error);
    if (error) fs::copy_file(latest_, link, error);  // a file system without hard links
    if (!error) fs::rename(link, previous_, error);
    if (error)
      throw Error("BackupAndRestore '" + folder_.string() + "'",
                  "the previous backup cannot be kept: " + error.message());
  }

  /// Half-written files of runs that were killed.
  void remove_leftovers() const {
    std::error_code error;
    std::vector<fs::path> leftovers;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".backup.") && name.ends_with(".tmp")) leftovers.push_back(entry.path());
    }
    for (const fs::path& file : leftovers) fs::remove(file, error);
  }

  /// The last backup goes first: without it, a fit that is started again starts anew.
  void remove() {
    std::error_code error;
    fs::remove(latest_, error);
    if (error) throw Error("BackupAndRestore '" + latest_.string() + "'", "cannot be deleted: " + error.message());
    fs::remove(previous_, error);
    fs::remove(folder_, error);  // only if nothing else is in it
  }

  fs::path folder_, latest_, previous_;
  BackupAndRestoreOptions o_;
  Every every_;
};
}  // namespace

Callback BackupAndRestore(const std::string& backup_dir, const BackupAndRestoreOptions& o) {
  return make<BackupAndRestoreCallback>(backup_dir, o);
}

}  // namespace strata::callbacks
