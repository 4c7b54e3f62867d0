// The formats below the loaders: gzip, tar, IDX, checksums.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "core/base/error.h"
#include "data/checksum.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "tests/data/make_files.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class ReadersTest : public testing::Test {
 protected:
  fs::path path(const std::string& name) const { return folder_.path / name; }
  TemporaryFolder folder_;
};

std::string error_of(const auto& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

std::string text_of(const data::Bytes& b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

TEST_F(ReadersTest, ChecksumsOfKnownTexts) {  // FIPS 180-2, appendix B.1, and RFC 1321, appendix A.5
  const std::string abc = "abc";
  EXPECT_EQ(data::hex_digest(data::Hash::sha256, std::as_bytes(std::span(abc))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(data::hex_digest(data::Hash::md5, std::as_bytes(std::span(abc))), "900150983cd24fb0d6963f7d28e17f72");
  write_file(path("abc"), abc);
  EXPECT_EQ(data::file_digest(data::Hash::md5, path("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_NE(error_of([&] { data::file_digest(data::Hash::md5, path("none")); }).find("cannot be opened"),
            std::string::npos);
  EXPECT_NE(error_of([&] { data::verify_md5(path("abc"), "00"); }).find("expected MD5 00; received 9001"),
            std::string::npos);
}

TEST_F(ReadersTest, GzipOrPlainByContent) {
  const std::string text(100'000, 'q');
  write_file(path("a"), text);
  write_file(path("b"), gzipped(text));
  write_file(path("c"), gzipped(text.substr(0, 500)) + gzipped(text.substr(500)));  // two members
  for (const std::string name : {"a", "b", "c"}) EXPECT_EQ(text_of(data::read_content(path(name), 100'000)), text);
  EXPECT_NE(error_of([&] { data::read_content(path("b"), 99'999); }).find("at most 99999 bytes"), std::string::npos);
  EXPECT_NE(error_of([&] { data::read_content(path("none"), 1); }).find("cannot be opened"), std::string::npos);
  EXPECT_NE(error_of([&] { data::read_content(folder_.path, 1); }).find("received a folder"), std::string::npos);
}

TEST_F(ReadersTest, DamagedGzip) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * i);
  const std::string whole = gzipped(text);
  for (const std::size_t length : {whole.size() / 2, whole.size() - 4}) {
    write_file(path("cut"), whole.substr(0, length));
    EXPECT_NE(error_of([&] { data::read_content(path("cut"), 1 << 20); }).find("is truncated"), std::string::npos);
  }
  for (const std::size_t at : {whole.size() / 2, whole.size() - 6}) {  // in the data, and in the CRC
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    write_file(path("bad"), bad);
    EXPECT_NE(error_of([&] { data::read_content(path("bad"), 1 << 20); }).find("not valid gzip data"),
              std::string::npos);
  }
}

TEST_F(ReadersTest, TarFilesAreFoundAndOthersSkipped) {
  const std::string archive = tar_entry("d/", "", '5') + tar_entry("d/a.bin", "first") +
                              tar_entry("d/link", "", '2') + tar_entry("d/skip", std::string(2000, 's')) +
                              tar_entry("d/b.bin", std::string(512, 'b')) + std::string(1024, '\0');
  write_file(path("t.tar.gz"), gzipped(archive));
  std::vector<std::string> names;
  data::Bytes a(5), b(512);
  data::GzipReader reader(path("t.tar.gz"));
  data::walk_tar(reader, [&](const std::string& name, std::uint64_t) -> std::span<std::byte> {
    names.push_back(name);
    if (name == "d/a.bin") return a;
    if (name == "d/b.bin") return b;
    return {};
  });
  EXPECT_EQ(names, (std::vector<std::string>{"d/a.bin", "d/skip", "d/b.bin"}));
  EXPECT_EQ(text_of(a), "first");
  EXPECT_EQ(text_of(b), std::string(512, 'b'));
}

TEST_F(ReadersTest, DamagedTar) {
  const std::string archive = tar_entry("a", "content") + std::string(1024, '\0');
  const auto walk = [&](const std::string& bytes) {
    write_file(path("t.tar"), bytes);
    return error_of([&] {
      data::GzipReader reader(path("t.tar"));
      data::walk_tar(reader, [](const std::string&, std::uint64_t) { return std::span<std::byte>(); });
    });
  };
  EXPECT_EQ(walk(archive), "no error");
  EXPECT_NE(walk(archive.substr(0, 516)).find("is truncated"), std::string::npos);
  EXPECT_NE(walk(archive.substr(0, 1024)).find("is truncated"), std::string::npos);  // no end mark
  std::string bad = archive;
  bad[3] = 'x';
  EXPECT_NE(walk(bad).find("a header's checksum is wrong"), std::string::npos);
  EXPECT_NE(walk(std::string(2000, 'z')).find("not a tar archive"), std::string::npos);
}

TEST_F(ReadersTest, IdxArrays) {
  const std::string file = idx({2, 3}, "abcdef");
  const Tensor t = data::parse_idx(std::as_bytes(std::span(file)), 2, "f");
  EXPECT_EQ(t.type(), (Type{DType::u8, {2, 3}}));
  EXPECT_EQ(t.at<int>(5), 'f');
  const auto message = [](const std::string& content, int rank) {
    return error_of([&] { data::parse_idx(std::as_bytes(std::span(content)), rank, "f"); });
  };
  EXPECT_EQ(message(file, 1), "wrong magic number: expected 0x00000801; received 0x00000802");
  EXPECT_EQ(message(idx({2, 3}, "abcde"), 2), "is truncated: expected 6 bytes for shape [2,3]; received 5");
  EXPECT_EQ(message(idx({2, 3}, "abcdefg"), 2), "expected 6 bytes for shape [2,3]; received 7");
  EXPECT_EQ(message(file.substr(0, 7), 2), "is truncated: expected an IDX header of 12 bytes; received 7");
  EXPECT_EQ(message(idx({0xffffffffu, 0xffffffffu}, ""), 2), "declares more than 2 GiB of elements");
}

}  // namespace
}  // namespace strata
