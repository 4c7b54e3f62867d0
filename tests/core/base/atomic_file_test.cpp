#include "core/base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "core/base/error.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "strata-atomic-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    target_ = folder_ / "weights.h5";
    std::ofstream(target_) << "before";
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string content(const fs::path& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_, target_;
};

std::string error_of(const auto& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST_F(AtomicFileTest, CommitReplacesAtOnce) {
  AtomicFile file(target_);
  EXPECT_EQ(file.temporary().parent_path(), folder_);
  file.write("after");
  file.write(" all");
  EXPECT_EQ(content(target_), "before");
  file.commit();
  EXPECT_EQ(content(target_), "after all");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, WithoutACommitNothingHappened) {
  try {
    AtomicFile file(target_);
    file.write("half");
    throw std::runtime_error("something else went wrong");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(content(target_), "before");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, AFullDiskLeavesThePreviousFile) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = error_of([&] {
    AtomicFile file(target_);
    file.write(std::string(5000, 'x'));
    file.commit();
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "[" + target_.string() + "] cannot be written: File too large");
  EXPECT_EQ(content(target_), "before");
  EXPECT_EQ(files(), 1u);
}

TEST_F(AtomicFileTest, AKillLeavesThePreviousFile) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    AtomicFile file(target_);
    file.write("half");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(content(target_), "before");
}

TEST_F(AtomicFileTest, LinksAndPermissionsStay) {
  fs::create_symlink("weights.h5", folder_ / "latest");
  fs::permissions(target_, fs::perms::owner_read | fs::perms::owner_write);
  AtomicFile file(folder_ / "latest");
  file.write("after");
  file.commit();
  EXPECT_TRUE(fs::is_symlink(folder_ / "latest"));
  EXPECT_EQ(content(target_), "after");
  EXPECT_EQ(fs::status(target_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(AtomicFileTest, ANewFileHasTheUsualPermissions) {
  const mode_t mask = ::umask(022);
  AtomicFile file(folder_ / "new");
  file.commit();
  ::umask(mask);
  EXPECT_EQ(static_cast<unsigned>(fs::status(folder_ / "new").permissions()), 0644u);
}

TEST_F(AtomicFileTest, PlacesThatCannotBeWrittenAreNamed) {
  EXPECT_EQ(error_of([&] { AtomicFile file(folder_ / "no" / "where"); }),
            "[" + (folder_ / "no" / "where").string() + "] cannot be written: No such file or directory");
  EXPECT_EQ(error_of([&] { AtomicFile file{folder_}; }),
            "[" + folder_.string() + "] cannot be written: Is a directory");
  fs::create_symlink("nothing", folder_ / "dangling");
  EXPECT_NE(error_of([&] { AtomicFile file(folder_ / "dangling"); }).find("symbolic link cannot be followed"),
            std::string::npos);
}

}  // namespace
}  // namespace strata
