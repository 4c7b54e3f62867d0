#include "core/base/disk_cache.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
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

std::uintmax_t bytes_in(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
  return bytes;
}

TEST_F(DiskCacheTest, WhatWasNotAskedForLongestMakesRoom) {
  const auto key = [](int i) { return "key " + std::to_string(i); };
  const DiskCache cache("kind");
  const fs::path notes = cache.folder() / "notes.txt";
  for (int i = 0; i < 30; ++i) cache.put(key(i), std::string(1000, 'x'));
  std::ofstream(notes) << "a user's";
  // Key 0 is the oldest; a process that was killed left its file before that.
  const auto now = fs::file_time_type::clock::now();
  const auto hours_ago = [&](int hours) { return now - std::chrono::hours(hours); };
  const fs::path half_written = cache.folder() / ".0123456789abcdef.77.tmp";
  std::ofstream(half_written) << "...";
  fs::last_write_time(half_written, hours_ago(40));
  fs::last_write_time(notes, hours_ago(50));
  for (int i = 0; i < 30; ++i)
    for (const auto& entry : fs::directory_iterator(cache.folder())) {
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      if (text.find("\n" + key(i) + "\n") != std::string::npos) fs::last_write_time(entry.path(), hours_ago(30 - i));
    }
  EXPECT_TRUE(cache.find(key(0)).has_value());  // asked for just now
  const DiskCache small("kind", 16000);
  for (int i = 0; i < 64; ++i) small.put("small " + std::to_string(i), "y");
  EXPECT_LE(bytes_in(cache.folder()), 16000u);
  EXPECT_GE(bytes_in(cache.folder()), 8000u) << "no more goes than must";
  EXPECT_TRUE(cache.find(key(0)).has_value());
  EXPECT_FALSE(cache.find(key(1)).has_value());
  EXPECT_TRUE(cache.find(key(29)).has_value());
  EXPECT_TRUE(cache.find("small 0").has_value());
  EXPECT_FALSE(fs::exists(half_written));
  EXPECT_TRUE(fs::exists(notes));
}

TEST_F(DiskCacheTest, SeveralMayMakeRoomAtATime) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const DiskCache cache("kind", 2000);
      for (int i = 0; i < 50; ++i) {
        const std::string key = std::to_string((i + 7 * t) % 50), content(100, static_cast<char>('a' + i % 20));
        cache.put(std::to_string(t) + " " + key, content);
        const auto found = cache.find(std::to_string((t + 1) % 4) + " " + key);
        EXPECT_TRUE(!found || found->size() == 100);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_LE(bytes_in(DiskCache("kind").folder()), 2000u + 64 * 150);
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
