// Training that is killed at random moments, and a disk that fills up while it saves. A child process runs the program,
// this one kills it and starts it again. STRATA_KILLS sets the number of kills, STRATA_KILL_SEED repeats a run.
#include <gtest/gtest.h>
#include <strata/strata.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "tests/models/training_program.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
constexpr int disk_full = 3;

fs::path folder_of_child() {
  const char* folder = std::getenv("STRATA_KILL_FOLDER");
  return folder ? folder : "";
}

/// Trains in its folder and leaves all that came out of it in `result.*`.
void train() {
  testing::TrainingProgram program{.folder = folder_of_child(), .epochs = 8, .save_freq = 3};
  program.extra = {callbacks::ModelCheckpoint((program.folder / "latest.weights.h5").string(),
                                              {.save_weights_only = true, .save_freq = 4}),
                   callbacks::ModelCheckpoint((program.folder / "whole.keras").string(), {.save_freq = 5})};
  const auto result = program.run();
  std::ofstream out(program.folder / "result.partial", std::ios::binary);
  for (const Tensors* tensors : {&result.weights, &result.optimizer})
    for (const Tensor& t : *tensors)
      out.write(reinterpret_cast<const char*>(t.raw()), static_cast<std::streamsize>(t.bytes()));
  out.precision(17);
  for (const auto& [name, series] : result.history)
    for (const double v : series) out << name << ' ' << v << '\n';
  out.close();
  fs::rename(program.folder / "result.partial", program.folder / "result");
}

// Not a test of its own: what the child runs.
TEST(KilledProgram, DISABLED_Child) {
  if (folder_of_child().empty()) GTEST_SKIP() << "for the other tests of this file";
  try {
    train();
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::_Exit(std::string_view(e.what()).find("No space left on device") != std::string_view::npos ? disk_full : 1);
  }
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Kill : public strata::testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    const char* given = std::getenv("STRATA_KILL_SEED");
    const unsigned long seed = given ? std::strtoul(given, nullptr, 10) : std::random_device()();
    std::printf("STRATA_KILL_SEED=%lu\n", seed);
    random_.seed(seed);
  }

  static pid_t start(const fs::path& folder) {
    const std::string self = fs::read_symlink("/proc/self/exe").string(), where = folder.string();
    const pid_t child = fork();
    if (child != 0) return child;
    setenv("STRATA_KILL_FOLDER", where.c_str(), 1);
    execl(self.c_str(), self.c_str(), "--gtest_also_run_disabled_tests", "--gtest_filter=KilledProgram.DISABLED_Child",
          "--gtest_brief=1", nullptr);
    std::_Exit(127);
  }
  static int wait(pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }

  /// Lets the program train undisturbed; how long it takes.
  std::chrono::duration<double> train_whole() {
    fs::create_directories(folder_ / "whole");
    const auto begin = Clock::now();
    EXPECT_EQ(wait(start(folder_ / "whole")), 0);
    return Clock::now() - begin;
  }

  void expect_same_as_whole(const fs::path& folder) const {
    for (const char* file : {"result", "log.csv", "best.weights.h5", "latest.weights.h5"})
      EXPECT_EQ(text_of(folder / file), text_of(folder_ / "whole" / file)) << file;
    EXPECT_FALSE(text_of(folder / "result").empty());
    EXPECT_FALSE(fs::exists(folder / "backup"));
  }

  /// Leaves no more than `left` bytes on the file system.
  static void fill(const fs::path& folder, std::uintmax_t left) {
    const std::string ballast(4096, 'x');
    std::ofstream out(folder / "ballast", std::ios::binary);
    while (fs::space(folder).available > left + ballast.size() &&
           out.write(ballast.data(), static_cast<std::streamsize>(ballast.size())).flush()) {
    }
  }

  /// Whatever stands under a final name is whole.
  static void expect_whole_files(const fs::path& folder) {
    const fs::path model_file = folder / "whole.keras";
    if (fs::exists(model_file)) {
      EXPECT_NO_THROW(load_model(model_file.string()));
    }
    for (const char* file : {"best.weights.h5", "latest.weights.h5"}) {
      if (!fs::exists(folder / file)) continue;
      Sequential model({layers::Input({5}), layers::Dense(16, {.activation = "relu"}), layers::BatchNormalization(),
                        layers::Dropout(0.3), layers::Dense(2, {.activation = "softmax"})});
      EXPECT_NO_THROW(model.load_weights((folder / file).string())) << file;
    }
  }

  double uniform() { return std::uniform_real_distribution<double>()(random_); }

  std::mt19937_64 random_;
};

TEST_F(Kill, AtAnyMomentCostsNothing) {
  const auto whole = train_whole();
  const char* wanted = std::getenv("STRATA_KILLS");
  const int kills = wanted ? std::atoi(wanted) : 40;
  ASSERT_GT(kills, 0);
  int killed = 0, finished = 0;
  fs::path folder;
  for (bool fresh = true; killed < kills || !fresh;) {
    if (fresh) {
      folder = folder_ / std::to_string(finished);
      fs::create_directories(folder);
    }
    const pid_t child = start(folder);
    if (killed < kills) {
      std::this_thread::sleep_for(whole * uniform() * 0.7);
      ::kill(child, SIGKILL);
    }
    const int status = wait(child);
    expect_whole_files(folder);
    fresh = WIFEXITED(status);
    if (fresh) {
      ASSERT_EQ(WEXITSTATUS(status), 0);
      expect_same_as_whole(folder);
      fs::remove_all(folder);
      ++finished;
    } else {
      ++killed;
    }
    ASSERT_FALSE(HasFailure());
  }
  std::printf("%d kills, %d runs came through\n", killed, finished);
}

TEST_F(Kill, AFullDiskCostsNothing) {
  train_whole();
  const fs::path folder = folder_ / "small";
  fs::create_directories(folder);
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=512k") != 0)
    GTEST_SKIP() << "no right to mount a small file system";
  int full = 0, through = 0;
  while (full < 10 && through < 30 && !HasFailure()) {
    fill(folder, static_cast<std::uintmax_t>(uniform() * 60e3));
    const int status = wait(start(folder));
    fs::remove(folder / "ballast");
    expect_whole_files(folder);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == disk_full) {
      ++full;
      continue;
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
    expect_same_as_whole(folder);
    for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path());
    ++through;
  }
  EXPECT_EQ(wait(start(folder)), 0);
  if (!HasFailure()) expect_same_as_whole(folder);
  ::umount2(folder.c_str(), MNT_DETACH);
  std::printf("the disk was full %d times, %d runs came through beside that\n", full, through);
}

}  // namespace
}  // namespace strata
