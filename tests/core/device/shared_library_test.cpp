#include "core/device/shared_library.h"

#include <gtest/gtest.h>

#include "tests/core/device/stub_machine.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

class SharedLibraryTest : public testing::TemporaryFolder {
 protected:
  static std::string stubs(const std::string& folder) {
    return (testing::own_program().parent_path() / "stubs" / folder).string();
  }
  LibraryRequest request(const LibrarySearch& search) const { return {"cuDNN", {"libcudnn.so.9"}, search, {}}; }
};

TEST_F(SharedLibraryTest, TakesTheFirstPlaceThatHasIt) {
  const auto library = SharedLibrary::open(request({{folder_.string(), stubs("good")}, false, {stubs("empty")}}));
  ASSERT_TRUE(library.loaded());
  EXPECT_EQ(library.path(), stubs("good") + "/libcudnn.so.9");
  EXPECT_EQ(library.problem(), "");
  ASSERT_EQ(library.attempts().size(), 1u);
  EXPECT_FALSE(library.attempts()[0].there);
  EXPECT_EQ(library.symbol<std::size_t()>("cudnnGetVersion")(), 91900u);
}

TEST_F(SharedLibraryTest, SaysWhereItLooked) {
  LibraryRequest absent{"cuFoo", {"libcufoo.so.1", "libcufoo.so.2"}, {{folder_.string()}, true, {"/nowhere"}}, {}};
  const auto library = SharedLibrary::open(absent);
  EXPECT_FALSE(library.loaded());
  EXPECT_EQ(library.problem(), "cuFoo (libcufoo.so.1 or libcufoo.so.2) was not found; looked for: " +
                                   file("libcufoo.so.1") + ", " + file("libcufoo.so.2") +
                                   ", libcufoo.so.1 by the system's loader, libcufoo.so.2 by the system's "
                                   "loader, /nowhere/libcufoo.so.1, /nowhere/libcufoo.so.2");
  EXPECT_EQ(library.find<int()>("anything"), nullptr);
  EXPECT_ERROR(library.symbol<int()>("anything"), "[cuFoo] cuFoo (libcufoo.so.1 or libcufoo.so.2) was not found");
}

TEST_F(SharedLibraryTest, KeepsTheLoadersSentence) {
  const auto dependent = SharedLibrary::open(request({{stubs("dependent")}, false, {}}));
  ASSERT_EQ(dependent.attempts().size(), 1u);
  EXPECT_TRUE(dependent.attempts()[0].there);
  EXPECT_EQ(dependent.attempts()[0].missing, "libstrata_stub_part.so");
  EXPECT_HAS(dependent.problem(), "the loader says: libstrata_stub_part.so: cannot open shared object file");

  std::ofstream(file("libcudnn.so.9"))
      << "no library at all, but long enough to hold the header that the loader reads first of all";
  const auto text = SharedLibrary::open(request({{folder_.string()}, false, {}}));
  EXPECT_HAS(text.problem(), "invalid ELF header");
  EXPECT_EQ(text.attempts()[0].missing, "");
}

TEST_F(SharedLibraryTest, ABrokenOneDoesNotHideAGoodOne) {
  const auto library = SharedLibrary::open(request({{stubs("dependent"), stubs("good")}, false, {}}));
  EXPECT_TRUE(library.loaded());
  EXPECT_TRUE(library.attempts().at(0).there);
}

TEST_F(SharedLibraryTest, NamesTheFunctionThatIsMissing) {
  const auto library = SharedLibrary::open(request({{stubs("empty")}, false, {}}));
  EXPECT_ERROR(library.symbol<int()>("cudnnCreate"), stubs("empty") + "/libcudnn.so.9 has no function cudnnCreate");
}

TEST_F(SharedLibraryTest, CompanionsAreLoadedFirst) {
  // The dependency lies beside the library under another name than the loader looks for; loading it first satisfies the
  // loader.
  std::filesystem::copy(stubs("dependent") + "/libcudnn.so.9", file("libcudnn.so.9"));
  std::filesystem::copy(stubs("part") + "/libstrata_stub_part.so", file("companion.so.13"));
  LibraryRequest wanted = request({{folder_.string()}, false, {}});
  wanted.companions = {"companion.so"};
  const auto library = SharedLibrary::open(wanted);
  EXPECT_TRUE(library.loaded()) << library.problem();
}

TEST_F(SharedLibraryTest, TheEnvironmentNamesFolders) {
  std::filesystem::create_directories(folder_ / "lib/python3.11/site-packages/nvidia/cudnn/lib");
  ::setenv("STRATA_CUDA_LIBRARIES", "/first::/second", 1);
  ::setenv("VIRTUAL_ENV", folder_.c_str(), 1);
  const LibrarySearch search = LibrarySearch::of_toolkit();
  ::unsetenv("STRATA_CUDA_LIBRARIES");
  ::unsetenv("VIRTUAL_ENV");
  ASSERT_GE(search.first.size(), 3u);
  EXPECT_EQ(search.first[0], "/first");
  EXPECT_EQ(search.first[1], "/second");
  EXPECT_EQ(search.after.back(), file("lib/python3.11/site-packages/nvidia/cudnn/lib"));
}

}  // namespace
}  // namespace strata
