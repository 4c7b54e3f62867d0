#include "core/base/zip_archive.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zip.h>

#include <filesystem>
#include <fstream>

#include "core/base/error.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class Zip : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("strata-zip-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "a.zip";
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// An archive that write_zip would not write.
  void make(const std::vector<std::pair<std::string, std::string>>& members, int method = ZIP_CM_STORE) const {
    int code = 0;
    zip_t* const archive = zip_open(file_.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    ASSERT_NE(archive, nullptr);
    for (const auto& [name, content] : members) {
      const auto at =
          zip_file_add(archive, name.c_str(), zip_source_buffer(archive, content.data(), content.size(), 0), 0);
      ASSERT_GE(at, 0) << zip_strerror(archive);
      zip_set_file_compression(archive, static_cast<zip_uint64_t>(at), method, 0);
    }
    ASSERT_EQ(zip_close(archive), 0);
  }
  std::string bytes() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& content) const { std::ofstream(file_, std::ios::binary) << content; }
  static constexpr std::uint64_t no_limit = ~std::uint64_t{0};
  fs::path folder_, file_;
};

TEST_F(Zip, WhatIsWrittenComesBack) {
  const std::string large(9'000'000, 'x'), empty;
  write_zip(file_, {{"metadata.json", "{}"}, {"a/b.bin", large}, {"none", empty}});
  const auto zip = ZipReader::open(file_);
  ASSERT_EQ(zip->members().size(), 3u);
  EXPECT_EQ(zip->members()[1].name, "a/b.bin");
  EXPECT_EQ(zip->members()[1].size, large.size());
  EXPECT_EQ(zip->read("metadata.json", no_limit), "{}");
  EXPECT_EQ(zip->read("a/b.bin", no_limit), large);
  EXPECT_EQ(zip->read("none", no_limit), "");
  EXPECT_TRUE(zip->contains("none"));
  EXPECT_FALSE(zip->contains("b.bin"));
  EXPECT_ERROR(zip->read("b.bin", no_limit), "there is no member 'b.bin'");
  EXPECT_ERROR(zip->read("a/b.bin", 1000), "expected at most 1000");
}

TEST_F(Zip, TheSameContentGivesTheSameStoredBytes) {
  write_zip(file_, {{"a", "text that is in the file as it is"}});
  const std::string first = bytes();
  fs::remove(file_);
  write_zip(file_, {{"a", "text that is in the file as it is"}});
  EXPECT_EQ(bytes(), first);
  EXPECT_NE(first.find("text that is in the file as it is"), std::string::npos);
}

TEST_F(Zip, DeflatedMembersAreReadWithinLimits) {
  const std::string text(100'000, 'y');
  make({{"a", text}}, ZIP_CM_DEFLATE);
  EXPECT_EQ(ZipReader::open(file_)->read("a", no_limit), text);
  make({{"bomb", std::string(80'000'000, '\0')}}, ZIP_CM_DEFLATE);
  EXPECT_LT(fs::file_size(file_), 200'000u);
  EXPECT_ERROR(ZipReader::open(file_)->read("bomb", no_limit), "more than 100 times as many, which is refused");
}

TEST_F(Zip, NamesThatLeadElsewhereAreRefused) {
  for (const std::string name : {"../a", "a/../../b", "/etc/passwd", "a\\b", ".."}) {
    make({{name, "x"}});
    EXPECT_ERROR(ZipReader::open(file_), "leads out of the archive");
  }
  make({{"a..b/..c", "x"}});
  EXPECT_EQ(ZipReader::open(file_)->read("a..b/..c", no_limit), "x");
}

TEST_F(Zip, NamesThatComeTwiceAreRefused) {
  make({{"member-a", "x"}, {"member-b", "y"}});
  std::string twice = bytes();
  for (std::size_t at = twice.find("member-b"); at != std::string::npos; at = twice.find("member-b"))
    twice.replace(at, 8, "member-a");
  write(twice);
  EXPECT_ERROR(ZipReader::open(file_), "a.zip");  // by libzip, or by us where its check is weaker
}

// Fields of the headers before a member and in the directory: APPNOTE.TXT 6.3.10, 4.3.7 and 4.3.12.
TEST_F(Zip, EncryptionAndOtherMethodsAreRefused) {
  const auto with = [&](std::size_t field, char value) {
    make({{"a", "text"}});
    std::string changed = bytes();
    changed[changed.find("PK\3\4") + 4 + field] = value;
    changed[changed.find("PK\1\2") + 6 + field] = value;
    write(changed);
  };
  with(2, 1);
  EXPECT_ERROR(ZipReader::open(file_)->read("a", no_limit), "'a' is encrypted, which is not supported");
  with(4, 12);
  EXPECT_ERROR(ZipReader::open(file_)->read("a", no_limit),
               "'a' is compressed by method 12; expected stored or deflated");
}

TEST_F(Zip, TheNumberOfMembersIsBounded) {
  std::vector<std::pair<std::string, std::string>> members;
  for (std::uint64_t i = 0; i <= ZipReader::most_members; ++i) members.emplace_back(std::to_string(i), "");
  make(members);
  EXPECT_ERROR(ZipReader::open(file_), "holds 100001 members; expected at most 100000");
}

// A directory that names the same bytes again and again would let a small archive hold anything.
TEST_F(Zip, MembersThatOverlapAreRefused) {
  make({{"aa", std::string(500, 'x')}, {"bb", std::string(500, 'x')}});
  std::string overlapping = bytes();
  const std::size_t second = overlapping.find("PK\1\2", overlapping.find("PK\1\2") + 1);
  overlapping.replace(second + 42, 4, std::string(4, '\0'));  // where its content is: at the first one's
  write(overlapping);
  EXPECT_ERROR(ZipReader::open(file_)->read("bb", no_limit), "a.zip");
}

TEST_F(Zip, WhatIsNoArchiveIsNamed) {
  EXPECT_ERROR(ZipReader::open(folder_ / "missing.zip"), "no such file");
  EXPECT_ERROR(ZipReader::open(folder_), "received a folder");
  write("this is text");
  EXPECT_ERROR(ZipReader::open(file_), "cannot be opened as a zip archive");
  write("");
  EXPECT_ERROR(ZipReader::open(file_), "a.zip");
  EXPECT_ERROR(write_zip(folder_ / "none" / "a.zip", {{"a", "x"}}), "cannot be written");
}

TEST_F(Zip, EveryTruncationAndEveryDamagedByteIsAnErrorOrTheSameContent) {
  const std::string a = "the first text, not long", b(300, 'b');
  make({{"a", a}, {"b", b}}, ZIP_CM_DEFLATE);
  const std::string good = bytes();
  int refused = 0;
  const auto try_content = [&](const std::string& content) {
    write(content);
    try {
      const auto zip = ZipReader::open(file_);
      for (const auto& [name, text] : {std::pair{"a", a}, {"b", b}})
        if (zip->contains(name)) {
          EXPECT_EQ(zip->read(name, no_limit), text);
        }
    } catch (const Error&) {
      ++refused;
    }
  };
  for (std::size_t size = 0; size < good.size(); ++size) try_content(good.substr(0, size));
  EXPECT_EQ(refused, static_cast<int>(good.size()));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
    try_content(damaged);
  }
  EXPECT_GT(refused, static_cast<int>(good.size()) + 50);
}

}  // namespace
}  // namespace strata
