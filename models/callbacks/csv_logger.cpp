#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/base/error.h"
#include "models/callbacks.h"

namespace strata::callbacks {

namespace {
struct CloseFile {
  void operator()(std::FILE* f) const { std::fclose(f); }
};

class CSVLoggerCallback final : public Definition {
 public:
  CSVLoggerCallback(std::string filename, const CSVLoggerOptions& o) : filename_(std::move(filename)), o_(o) {}

  bool only_writes() const override { return true; }

  void on_train_begin() override {
    bool has_lines = false;
    if (o_.append)
      if (const std::unique_ptr<std::FILE, CloseFile> old{std::fopen(filename_.c_str(), "r")})
        has_lines = std::fgetc(old.get()) != EOF;
    file_.reset(std::fopen(filename_.c_str(), o_.append || info().resumed ? "a" : "w"));
    if (!file_) fail("cannot be opened for writing");
    std::fseek(file_.get(), 0, SEEK_END);
    header_due_ = !has_lines;
    keys_.clear();
  }

  void on_epoch_end(int epoch, const Logs& logs) override {
    if (keys_.empty()) choose_keys(logs);
    if (header_due_) {
      std::string line = "epoch";
      for (const std::string& k : keys_) line += o_.separator + k;
      write(line);
      header_due_ = false;
    }
    std::string line = std::to_string(epoch);
    for (const std::string& k : keys_) line += o_.separator + (logs.contains(k) ? text(logs[k]) : "NA");
    write(line);
  }

  void on_train_end(const Logs&) override { file_.reset(); }

  SavedState save_state() const override {
    const ConfigValue::List keys(keys_.begin(), keys_.end());
    return {
        {{"bytes", static_cast<std::int64_t>(std::ftell(file_.get()))}, {"header_due", header_due_}, {"keys", keys}},
        {}};
  }

  /// Lines of epochs that will be trained again go.
  void restore_state(const SavedState& state) override {
    const std::int64_t bytes = state.values.at("bytes").as_int();
    if (std::ftell(file_.get()) < bytes)
      throw Error("CSVLogger '" + filename_ + "'", "expected the " + std::to_string(bytes) +
                                                       " bytes that the run to go on with had written; received " +
                                                       std::to_string(std::ftell(file_.get())));
    if (::ftruncate(::fileno(file_.get()), static_cast<off_t>(bytes)) != 0) fail("cannot be shortened");
    std::fseek(file_.get(), 0, SEEK_END);
    header_due_ = state.values.at("header_due").as_bool();
    keys_.clear();
    for (const ConfigValue& key : state.values.at("keys").as_list()) keys_.push_back(key.as_string());
  }

 private:
  /// Keras: the first epoch's keys, with the val_ ones appended if that epoch was not validated.
  void choose_keys(const Logs& logs) {
    bool validated = false;
    for (const auto& [name, value] : logs) {
      keys_.push_back(name);
      validated = validated || name.starts_with("val_");
    }
    if (validated) return;
    const std::size_t count = keys_.size();
    for (std::size_t i = 0; i < count; ++i)
      if (keys_[i] != "learning_rate") keys_.push_back("val_" + keys_[i]);
  }

  /// All digits of the float32, as Python prints them.
  static std::string text(double v) {
    if (std::isnan(v)) return "nan";
    return fmt::format("{}", static_cast<double>(static_cast<float>(v)));
  }

  void write(const std::string& line) {
    const bool ok = std::fputs((line + "\n").c_str(), file_.get()) >= 0 && std::fflush(file_.get()) == 0;
    if (!ok) fail("cannot be written");
  }

  [[noreturn]] void fail(const char* what) const {
    throw Error("CSVLogger '" + filename_ + "'", std::string(what) + ": " + std::strerror(errno));
  }

  std::string filename_;
  CSVLoggerOptions o_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  bool header_due_ = true;
  std::vector<std::string> keys_;
};
}  // namespace

Callback CSVLogger(const std::string& filename, const CSVLoggerOptions& o) {
  return make<CSVLoggerCallback>(filename, o);
}

}  // namespace strata::callbacks
