#include <gtest/gtest.h>
#include <strata/strata.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/base/sanitizers.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class Npy : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("strata-npy-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  /// A file as NumPy writes it: version, header text, elements.
  std::string make(const std::string& text, const std::string& elements, int version = 1) const {
    std::string content("\x93NUMPY", 6);
    content += {static_cast<char>(version), '\0', static_cast<char>(text.size()), '\0'};
    if (version > 1) content += std::string(2, '\0');
    std::ofstream(file("made.npy"), std::ios::binary) << content << text << elements;
    return file("made.npy");
  }
  fs::path folder_;
};

TEST_F(Npy, EveryElementTypeComesBack) {
  for (const DType d : {DType::f32, DType::f64, DType::f16, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    Tensor t(d, Shape{2, 3});
    for (std::size_t i = 0; i < t.bytes(); ++i)
      t.mutable_raw()[i] = static_cast<std::byte>(d == DType::boolean ? i % 2 : i + 1);
    data::save_npy(file("a.npy"), t);
    const Tensor back = data::load_npy(file("a.npy"));
    ASSERT_EQ(back.type(), t.type());
    EXPECT_EQ(std::memcmp(back.raw(), t.raw(), t.bytes()), 0) << to_string(d);
  }
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0, 4}, Shape{3, 0}}) {
    data::save_npy(file("a.npy"), zeros(shape));
    EXPECT_EQ(data::load_npy(file("a.npy")).shape(), shape);
  }
  EXPECT_ERROR(data::save_npy(file("a.npy"), zeros({2}, DType::bf16)), "received bf16");
}

TEST_F(Npy, HeadersOfOtherWriters) {
  // Fortran order: the first axis runs fastest.
  const Tensor f = data::load_npy(
      make("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", {'\0', '\1', '\2', '\3', '\4', '\5'}));
  EXPECT_EQ(f.at<int>(0), 0);
  EXPECT_EQ(f.at<int>(1), 2);
  EXPECT_EQ(f.at<int>(3), 1);
  const Tensor big = data::load_npy(
      make("{\"shape\": (2L,), 'fortran_order': False, 'descr': '>i2',}  \n", {'\1', '\0', '\xff', '\xfe'}, 2));
  EXPECT_EQ(big.dtype(), DType::i32);
  EXPECT_EQ(big.at<int>(0), 256);
  EXPECT_EQ(big.at<int>(1), -2);
  const Tensor wide =
      data::load_npy(make("{'descr': '<u4', 'fortran_order': False, 'shape': ()}", "\xff\xff\xff\xff", 3));
  EXPECT_EQ(wide.dtype(), DType::i64);
  EXPECT_EQ(wide.item<std::int64_t>(), 4294967295);
  const Tensor flags =
      data::load_npy(make("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", "\x07" + std::string(1, '\0')));
  EXPECT_TRUE(flags.at<bool>(0));
  EXPECT_FALSE(flags.at<bool>(1));
}

TEST_F(Npy, WhatCannotBeReadIsNamed) {
  const auto with = [&](const std::string& text, const std::string& elements = "xxxx") {
    return data::load_npy(make(text, elements));
  };
  EXPECT_ERROR(with("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "Python objects, which are never run");
  EXPECT_ERROR(with("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}"), "'<c8'");
  EXPECT_ERROR(with("{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}"), "numbers or booleans");
  EXPECT_ERROR(with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"), "records are not supported");
  EXPECT_ERROR(with("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"),
               "content for the shape [2]; received 4 bytes");
  EXPECT_ERROR(with("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}"),
               "a size that can be");
  EXPECT_ERROR(with("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775806, 9223372036854775806)}", ""),
               "a smaller size");
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  EXPECT_ERROR(with("{'descr': '<f4', 'fortran_order': True, 'shape': (" + ones + ")}"), "at most 64 sizes");
  EXPECT_ERROR(with("{'descr': '<f4', 'fortran_order': False}"), "once each");
  EXPECT_ERROR(with("{'descr': '<f4', 'fortran_order': maybe, 'shape': (1,)}"), "True or False at character");
  EXPECT_ERROR(with("import os"), "'{'");
  EXPECT_ERROR(data::load_npy(make("{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}", std::string(8, '\xff'))),
               "fit i64");
  EXPECT_ERROR(data::load_npy(file("missing.npy")), "missing.npy");
  std::ofstream(file("text.npy")) << "this is text, no array";
  EXPECT_ERROR(data::load_npy(file("text.npy")), "expected a `.npy` file");
}

TEST_F(Npy, EveryTruncationIsAnError) {
  data::save_npy(file("a.npy"), zeros({4}));
  std::string content;
  {
    std::ifstream in(file("a.npy"), std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_EQ(content.size() % 64, 16u);  // the elements begin at a multiple of 64
  for (std::size_t size = 0; size < content.size(); ++size) {
    std::ofstream(file("cut.npy"), std::ios::binary) << content.substr(0, size);
    EXPECT_THROW(data::load_npy(file("cut.npy")), Error) << size;
  }
}

#if !STRATA_ADDRESS_SANITIZER  // which reserves terabytes itself
TEST_F(Npy, AFileLargerThanMemoryIsAnError) {
  make("{}", "");
  fs::resize_file(file("made.npy"), std::uintmax_t{1} << 36);  // takes no room on the disk
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit small{rlim_t{1} << 35, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &small), 0);
  const std::string message = testing::message_of([&] { data::load_npy(file("made.npy")); });
  ::setrlimit(RLIMIT_AS, &before);
  EXPECT_NE(message.find("do not fit in memory"), std::string::npos) << message;
}
#endif

TEST_F(Npy, ArchivesOfArrays) {
  const Tensor x = random::normal({5, 2}), y = Tensor::from<std::int64_t>({3}, {1, 2, 3});
  data::save_npz(file("a.npz"), {{"x", x}, {"y", y}});
  const data::NamedArrays all = data::load_npz(file("a.npz"));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].first, "x");
  EXPECT_EQ(all[1].first, "y");
  EXPECT_EQ(std::memcmp(all[0].second.raw(), x.raw(), x.bytes()), 0);
  EXPECT_EQ(data::load_npz(file("a.npz"), "y").at<int>(2), 3);
  EXPECT_ERROR(data::load_npz(file("a.npz"), "z"), "there is no array 'z'; there are: 'x', 'y'");
  EXPECT_ERROR(data::save_npz(file("b.npz"), {{"x", x}, {"x", y}}), "two arrays are named 'x'");
  EXPECT_FALSE(fs::exists(file("b.npz")));
}

}  // namespace
}  // namespace strata
