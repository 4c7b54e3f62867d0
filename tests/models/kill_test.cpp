// Programs that train or save and are killed at random moments, on the disk that the tests run on and on one that fills
// up. STRATA_KILLS sets the number of kills, a quarter of them for each test; STRATA_KILL_SEED repeats a run.
#include <sys/mount.h>
#include <sys/vfs.h>

#include <iterator>
#include <map>
#include <random>
#include <thread>

#include "tests/models/killed_program.h"
#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using testing::News;
using testing::Program;
using Seconds = std::chrono::duration<double>;

// Not tests of their own: what the children run.
TEST(KilledProgram, DISABLED_Train) {
  if (testing::setting("STRATA_KILL_FOLDER").empty()) GTEST_SKIP() << "for the other tests of this file";
  try {
    testing::train_in(testing::setting("STRATA_KILL_FOLDER"));
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::_Exit(testing::is_disk_full(e) ? testing::disk_full : 1);
  }
}

TEST(KilledProgram, DISABLED_Save) {
  if (testing::setting("STRATA_KILL_FOLDER").empty()) GTEST_SKIP() << "for the other tests of this file";
  testing::save_versions_in(testing::setting("STRATA_KILL_FOLDER"), std::stoi(testing::setting("STRATA_KILL_VERSION")));
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Kill : public testing::TemporaryFolder {
 protected:
  /// Beside the programs, not in the folder for temporary files: that one may lie in memory.
  void SetUp() override {
    std::string name = (fs::current_path() / "kill-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    const std::string given = testing::setting("STRATA_KILL_SEED");
    const unsigned long seed = given.empty() ? std::random_device()() : std::stoul(given);
    struct ::statfs disk = {};
    ::statfs(folder_.c_str(), &disk);
    std::printf("STRATA_KILL_SEED=%lu, %s is of type %#lx\n", seed, folder_.c_str(),
                static_cast<unsigned long>(disk.f_type));
    random_.seed(seed);
    const std::string wanted = testing::setting("STRATA_KILLS");
    kills_ = ((wanted.empty() ? 40 : std::stoi(wanted)) + 3) / 4;
    ASSERT_GT(kills_, 0);
  }
  void TearDown() override {
    if (small()) ::umount2(small_.c_str(), MNT_DETACH);
    TemporaryFolder::TearDown();
  }

  /// From here on the programs work on a disk of 512 KiB; false when this process may not mount one.
  bool use_small_disk() {
    fs::create_directories(folder_ / "small");
    if (::mount("tmpfs", (folder_ / "small").c_str(), "tmpfs", 0, "size=512k") != 0) return false;
    small_ = folder_ / "small";
    return true;
  }
  bool small() const { return !small_.empty(); }

  /// Leaves a random number of bytes between two bounds on the small disk.
  void fill(double least, double most) {
    const auto left = static_cast<std::uintmax_t>(least + uniform() * (most - least));
    const std::string block(4096, 'x');
    std::ofstream out(small_ / "ballast", std::ios::binary);
    while (fs::space(small_).available > left + block.size() &&
           out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  /// Removes what fills the disk, and what killed programs have left behind: temporary files, no others.
  static void tidy(const fs::path& folder) {
    fs::remove(folder / "ballast");
    std::vector<fs::path> left_over;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".tmp") left_over.push_back(entry.path());
    for (const fs::path& file : left_over) fs::remove(file);
  }

  // Training.
  Seconds train_whole();
  void expect_whole_files(const fs::path& folder);
  void expect_same_as_whole(const fs::path& folder) const;
  void expect_no_step_lost(const Program& program);
  void train_and_kill();

  // Saving.
  void expect_last_versions(const fs::path& folder, std::int32_t first, const std::vector<News>& told);
  void save_and_kill();

  double uniform() { return std::uniform_real_distribution<double>()(random_); }
  void sleep(Seconds most) { std::this_thread::sleep_for(most * uniform()); }

  std::mt19937_64 random_;
  int kills_ = 0;
  fs::path small_;
  int last_step_ = 0;                  ///< that a training has told of, in any of its parts
  std::map<int, std::int32_t> saved_;  ///< file -> the last version whose save has returned
};

/// Lets the program train undisturbed; how long it takes.
Seconds Kill::train_whole() {
  fs::create_directories(folder_ / "whole");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Program("Train", folder_ / "whole").wait(), 0);
  return std::chrono::steady_clock::now() - begin;
}

void Kill::expect_same_as_whole(const fs::path& folder) const {
  for (const char* file : {"result", "log.csv", "best.weights.h5", "latest.weights.h5", "whole.h5"})
    EXPECT_EQ(text_of(folder / file), text_of(folder_ / "whole" / file)) << file;
  EXPECT_FALSE(text_of(folder / "result").empty());
  EXPECT_FALSE(fs::exists(folder / "backup"));
}

/// Whatever stands under a final name is whole.
void Kill::expect_whole_files(const fs::path& folder) {
  for (const char* file : {"whole.keras", "whole.h5"}) {
    if (!fs::exists(folder / file)) continue;
    EXPECT_NO_THROW(load_model((folder / file).string())) << file;
  }
  for (const char* file : {"best.weights.h5", "latest.weights.h5"}) {
    if (!fs::exists(folder / file)) continue;
    Sequential model({layers::Input({5}), layers::Dense(16, {.activation = "relu"}), layers::BatchNormalization(),
                      layers::Dropout(0.3), layers::Dense(2, {.activation = "softmax"})});
    EXPECT_NO_THROW(model.load_weights((folder / file).string())) << file;
  }
}

/// A part of a run begins with the last backup: no more steps are done again than lie between two backups. A program
/// that dies after its training, when the backup is gone but the result not yet written, begins anew.
void Kill::expect_no_step_lost(const Program& program) {
  if (program.told().empty()) return;
  if (last_step_ < testing::training_steps - 1) {
    EXPECT_GE(program.told().front().number, last_step_ - testing::backup_every);
  }
  last_step_ = program.told().back().number;
}

void Kill::train_and_kill() {
  const Seconds whole = train_whole();
  const fs::path folder = small() ? small_ : folder_ / "killed";
  fs::create_directories(folder);
  int killed = 0, full = 0, through = 0;
  const auto done = [&] { return killed >= kills_ && (!small() || full >= (kills_ + 1) / 2); };
  for (bool fresh = true; (!done() || !fresh) && !HasFailure();) {
    ASSERT_LT(killed + full + through, 40 * kills_) << "the disk never was full";
    if (small() && !done()) fill(0, 100e3);
    Program program("Train", folder);
    if (killed < kills_) {
      sleep(whole * 0.7);
      program.kill();
    }
    const int status = program.wait();
    tidy(folder);
    expect_whole_files(folder);
    expect_no_step_lost(program);
    fresh = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (fresh) {
      expect_same_as_whole(folder);
      for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path());
      last_step_ = 0;
      ++through;
    } else if (WIFSIGNALED(status)) {
      ASSERT_EQ(WTERMSIG(status), SIGKILL);
      ++killed;
    } else {
      ASSERT_EQ(WEXITSTATUS(status), testing::disk_full);
      ++full;
    }
  }
  std::printf("%d kills, %d times a full disk, %d runs came through\n", killed, full, through);
}

/// Each file is the last version whose save has returned, or the one after all that the program, which began with
/// version `first`, has told of: that one may have been complete when the kill came.
void Kill::expect_last_versions(const fs::path& folder, std::int32_t first, const std::vector<News>& told) {
  std::map<int, std::int32_t> under_way;
  for (int f = 0; f < static_cast<int>(testing::saved_files.size()); ++f) under_way[f] = first;
  for (const News& news : told) {
    under_way[news.file] = news.number + 1;
    if (news.kind == News::saved) saved_[news.file] = news.number;
  }
  for (int f = 0; f < static_cast<int>(testing::saved_files.size()); ++f) {
    const fs::path file = folder / testing::saved_files[static_cast<std::size_t>(f)];
    if (!fs::exists(file)) {
      EXPECT_FALSE(saved_.contains(f)) << file << " is gone";
      continue;
    }
    Model model = testing::versioned_model();
    if (file.string().ends_with(".weights.h5")) {
      ASSERT_NO_THROW(model.load_weights(file.string())) << file;
    } else {
      ASSERT_NO_THROW(model = load_model(file.string())) << file;
    }
    const auto version = static_cast<std::int32_t>(model.get_weights().at(0).at<float>(0));
    EXPECT_TRUE((saved_.contains(f) && version == saved_[f]) || version == under_way[f])
        << file << " is version " << version;
    for (const Tensor& w : model.get_weights())
      for (std::int64_t i = 0; i < w.size(); ++i) ASSERT_EQ(w.at<float>(i), static_cast<float>(version)) << file;
    saved_[f] = version;
  }
}

void Kill::save_and_kill() {
  const fs::path folder = small() ? small_ : folder_;
  constexpr double most_left = 120e3;  ///< bytes; one version of a file and its temporary copy take about half of it
  std::int32_t next = 1;
  int killed = 0, saves = 0, full = 0;
  for (; killed < kills_ && !HasFailure(); ++killed) {
    if (small()) fill(killed * most_left / kills_, (killed + 1) * most_left / kills_);  // each part of the range in turn
    Program program("Save", folder, next);
    ASSERT_TRUE(program.wait_for_news());
    sleep(std::chrono::milliseconds(150));
    program.kill();
    const int status = program.wait();
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
    tidy(folder);
    expect_last_versions(folder, next, program.told());
    for (const News& news : program.told()) ++(news.kind == News::saved ? saves : full);
    next = program.told().back().number + 2;
  }
  EXPECT_GT(saves, 0);
  EXPECT_TRUE(!small() || full > 0) << "the disk never was full";
  std::printf("%d kills among %d saves, %d more found the disk full\n", killed, saves, full);
}

TEST_F(Kill, WhileTrainingCostsNothing) { train_and_kill(); }

TEST_F(Kill, WhileTrainingOnADiskThatFillsUpCostsNothing) {
  if (!use_small_disk()) GTEST_SKIP() << "no right to mount a small file system";
  train_and_kill();
}

TEST_F(Kill, WhileSavingCostsNothing) { save_and_kill(); }

TEST_F(Kill, WhileSavingOnADiskThatFillsUpCostsNothing) {
  if (!use_small_disk()) GTEST_SKIP() << "no right to mount a small file system";
  save_and_kill();
}

}  // namespace
}  // namespace strata
