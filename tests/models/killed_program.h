// The two programs that the kill test starts, kills and starts again, and the pipe by which they say how far they are.
// A program is this executable with KilledProgram.DISABLED_* as its only test; the environment says what it is to do.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <strata/strata.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/models/training_program.h"
#include "tests/support/own_program.h"

namespace strata::testing {

/// One line of news from a program.
struct News {
  enum Kind : std::int32_t {
    step,    ///< the training has done `number` steps and begins another
    saved,   ///< version `number` of file `file` stands under its name: save() has returned
    failed,  ///< save() of that version threw that the disk is full
  };
  Kind kind;
  std::int32_t file, number;
};

constexpr int disk_full = 3;  ///< exit status of a program that a full disk has stopped
constexpr std::array saved_files{"model.keras", "model.h5", "model.weights.h5"};

// ---- in the program

inline std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The pipe takes it in one piece: a program that is killed has told it or not.
inline void tell(const News& news) {
  const int pipe = std::stoi(setting("STRATA_KILL_PIPE"));
  if (::write(pipe, &news, sizeof news) != sizeof news) std::_Exit(4);
}

inline bool is_disk_full(const Error& e) {
  return std::string_view(e.what()).find("No space left on device") != std::string_view::npos;
}

/// Tells each step, counted over all the parts of a run.
class StepTeller : public callbacks::Definition {
 public:
  void on_train_batch_begin(std::int64_t) override { tell({News::step, 0, static_cast<std::int32_t>(steps_)}); }
  void on_train_batch_end(std::int64_t, const Logs&) override { ++steps_; }
  callbacks::SavedState save_state() const override { return {{{"steps", steps_}}, {}}; }
  void restore_state(const callbacks::SavedState& state) override { steps_ = state.values.at("steps").as_int(); }

 private:
  std::int64_t steps_ = 0;
};

constexpr int epochs = 8, training_steps = epochs * 7;
constexpr int backup_every = 3;  ///< steps

/// Trains in its folder and leaves all that came out of it in `result`.
inline void train_in(const std::filesystem::path& folder) {
  TrainingProgram program{.folder = folder, .epochs = epochs, .save_freq = backup_every};
  const auto name = [&](const char* file) { return (folder / file).string(); };
  program.extra = {Callback(std::make_shared<StepTeller>()),
                   callbacks::ModelCheckpoint(name("latest.weights.h5"), {.save_weights_only = true, .save_freq = 4}),
                   callbacks::ModelCheckpoint(name("whole.keras"), {.save_freq = 5}),
                   callbacks::ModelCheckpoint(name("whole.h5"), {.save_freq = 6})};
  const auto result = program.run();
  std::ofstream out(folder / "result.partial", std::ios::binary);
  for (const Tensors* tensors : {&result.weights, &result.optimizer})
    for (const Tensor& t : *tensors)
      out.write(reinterpret_cast<const char*>(t.raw()), static_cast<std::streamsize>(t.bytes()));
  out.precision(17);
  for (const auto& [key, series] : result.history)
    for (const double v : series) out << key << ' ' << v << '\n';
  out.close();
  if (!out) throw Error(name("result.partial"), "No space left on device");
  std::filesystem::rename(folder / "result.partial", folder / "result");
}

/// The model that is saved again and again: all its weights are its version's number.
inline Sequential versioned_model() {
  Sequential model({layers::Input({32}), layers::Dense(48, {.activation = "relu"}), layers::Dense(4)}, "versioned");
  model.compile({.optimizer = "adam", .loss = "mean_squared_error"});
  model.train_on_batch(ones({2, 32}), ones({2, 4}));  // the optimizer's state is saved, too
  return model;
}

/// Saves version after version to saved_files in its folder, until it is killed. A full disk does not end it.
[[noreturn]] inline void save_versions_in(const std::filesystem::path& folder, std::int32_t version) {
  Sequential model = versioned_model();
  for (;; ++version) {
    Tensors weights;
    for (const Tensor& w : model.get_weights()) weights.push_back(full(w.shape(), version));
    model.set_weights(weights);
    for (std::int32_t f = 0; f < static_cast<std::int32_t>(saved_files.size()); ++f) {
      const std::string file = (folder / saved_files[static_cast<std::size_t>(f)]).string();
      try {
        if (file.ends_with(".weights.h5"))
          model.save_weights(file);
        else
          model.save(file);
        tell({News::saved, f, version});
      } catch (const Error& e) {
        if (!is_disk_full(e)) throw;
        tell({News::failed, f, version});
      }
    }
  }
}

// ---- in the test

/// A running program.
class Program {
 public:
  /// `test` is the name behind "DISABLED_".
  Program(const std::string& test, const std::filesystem::path& folder, std::int32_t version = 0) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    news_ = ends[0];
    const std::string self = testing::own_program().string();
    const std::string filter = "--gtest_filter=KilledProgram.DISABLED_" + test;
    ::setenv("STRATA_KILL_FOLDER", folder.c_str(), 1);
    ::setenv("STRATA_KILL_PIPE", std::to_string(ends[1]).c_str(), 1);
    ::setenv("STRATA_KILL_VERSION", std::to_string(version).c_str(), 1);
    child_ = ::fork();
    if (child_ == 0) {
      ::unsetenv("STRATA_EXPECTED_LEVEL");  // started without a choice, it takes the processor's best
      ::execl(self.c_str(), self.c_str(), "--gtest_also_run_disabled_tests", filter.c_str(), "--gtest_brief=1",
              nullptr);
      std::_Exit(127);
    }
    ::close(ends[1]);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { ::close(news_); }

  /// Waits until the program says something for the first time; false when it ends without a word.
  bool wait_for_news() const {
    ::pollfd pipe{news_, POLLIN, 0};
    return ::poll(&pipe, 1, 120'000) == 1 && (pipe.revents & POLLIN) != 0;
  }
  void kill() const { ::kill(child_, SIGKILL); }
  /// Until the program is gone; its status, as waitpid gives it. Takes in what it told.
  int wait() {
    for (News news; ::read(news_, &news, sizeof news) == static_cast<ssize_t>(sizeof news);) told_.push_back(news);
    int status = -1;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    return status;
  }
  const std::vector<News>& told() const { return told_; }

 private:
  pid_t child_ = -1;
  int news_ = -1;
  std::vector<News> told_;
};

}  // namespace strata::testing
