#include "core/base/disk_cache.h"

#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class DiskCacheTest : public testing::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    ::setenv("STRATA_CACHE_DIR", (folder_ / "cache").c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("STRATA_CACHE_DIR");
    TemporaryFolder::TearDown();
  }
  fs::path only_file() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_ / "cache" / "kind")) files.push_back(entry.path());
    EXPECT_EQ(files.size(), 1u);
    return files.at(0);
  }
};

TEST_F(DiskCacheTest, KeepsWhatWasPut) {
  const DiskCache cache("kind");
  EXPECT_EQ(cache.find("key"), std::nullopt);
  const std::string binary("a\0\n\xff", 4);
  cache.put("key", binary);
  cache.put("other\nkey", "");
  EXPECT_EQ(DiskCache("kind").find("key"), binary);
  EXPECT_EQ(cache.find("other\nkey"), "");
  EXPECT_EQ(DiskCache("another").find("key"), std::nullopt);
  cache.put("key", "new");
  EXPECT_EQ(cache.find("key"), "new");
}

TEST_F(DiskCacheTest, DamageCountsAsAbsent) {
  const DiskCache cache("kind");
  cache.put("key", "some content");
  const fs::path file = only_file();
  const auto size = fs::file_size(file);
  for (const std::uintmax_t length : {size - 1, size / 2, std::uintmax_t{0}}) {
    cache.put("key", "some content");
    fs::resize_file(file, length);
    EXPECT_EQ(cache.find("key"), std::nullopt) << length;
  }
  for (std::uintmax_t at = 0; at < size; ++at) {
    cache.put("key", "some content");
    {
      std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
      f.seekp(static_cast<std::streamoff>(at));
      f.put('~');
    }
    EXPECT_EQ(cache.find("key"), std::nullopt) << at;
  }
  cache.put("key", "some content");
  EXPECT_EQ(cache.find("key"), "some content");
}

TEST_F(DiskCacheTest, AnotherKeysFileIsNotTaken) {  // as if their fingerprints were equal
  const DiskCache cache("kind");
  cache.put("one", "content");
  const fs::path file = only_file();
  const std::string elsewhere = file.string() + ".kept";
  fs::rename(file, elsewhere);
  cache.put("two", "other");
  fs::rename(elsewhere, file);
  EXPECT_EQ(cache.find("one"), "content");
  fs::path second;
  for (const auto& entry : fs::directory_iterator(folder_ / "cache" / "kind"))
    if (entry.path() != file) second = entry.path();
  fs::copy_file(file, second, fs::copy_options::overwrite_existing);
  EXPECT_EQ(cache.find("two"), std::nullopt);
}

TEST_F(DiskCacheTest, WhereNothingCanBeWrittenNothingIsKept) {
  std::ofstream(folder_ / "cache") << "a file where the folder should be";
  const DiskCache cache("kind");
  cache.put("key", "content");
  EXPECT_EQ(cache.find("key"), std::nullopt);
}

TEST_F(DiskCacheTest, Places) {
  EXPECT_EQ(DiskCache("kind").folder(), folder_ / "cache" / "kind");
  ::unsetenv("STRATA_CACHE_DIR");
  ::setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
  EXPECT_EQ(DiskCache("kind").folder(), folder_ / "strata" / "kind");
  ::unsetenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  ::setenv("HOME", folder_.c_str(), 1);
  EXPECT_EQ(DiskCache("kind").folder(), folder_ / ".cache" / "strata" / "kind");
  ::unsetenv("HOME");
  EXPECT_EQ(DiskCache("kind").folder(), "");
  DiskCache("kind").put("key", "content");
  EXPECT_EQ(DiskCache("kind").find("key"), std::nullopt);
  if (!before.empty()) ::setenv("HOME", before.c_str(), 1);
}

TEST_F(DiskCacheTest, ManyThreadsPutTheSame) {
  const DiskCache cache("kind");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        cache.put("key", "content");
        const auto found = cache.find("key");
        EXPECT_TRUE(found == "content");
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(cache.find("key"), "content");
  only_file();
}

}  // namespace
}  // namespace strata
