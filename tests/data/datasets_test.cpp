#include "data/datasets.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>

#include "core/base/error.h"
#include "tests/data/flaky_server.h"
#include "tests/data/make_files.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

// Every place of the search leads into a folder of the test's own, and the network is off unless the test says.
class DatasetsTest : public testing::Test {
 protected:
  void SetUp() override {
    set("STRATA_DATA_DIR", nullptr);
    set("KERAS_HOME", place("keras").c_str());
    set("XDG_CACHE_HOME", place("cache").c_str());
    set("STRATA_OFFLINE", "1");
    set("STRATA_DATASETS_URL", nullptr);
    set("no_proxy", "127.0.0.1");
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }
  void set(const char* name, const char* value) {
    const char* old = std::getenv(name);
    before_.try_emplace(name, old ? std::optional<std::string>(old) : std::nullopt);
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  fs::path place(const std::string& name) const { return folder_.path / name; }

  TemporaryFolder folder_;
  std::map<std::string, std::optional<std::string>> before_;
};

std::string error_of(const auto& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<int> first(const Tensor& t, int n) {
  std::vector<int> out;
  for (int i = 0; i < n; ++i) out.push_back(t.at<int>(i));
  return out;
}

std::array<int, 10> histogram(const Tensor& labels) {
  std::array<int, 10> counts{};
  for (const std::uint8_t l : labels.data<std::uint8_t>()) ++counts.at(l);
  return counts;
}

double mean(const Tensor& t) {
  double sum = 0;
  for (const std::uint8_t v : t.data<std::uint8_t>()) sum += v;
  return sum / static_cast<double>(t.size());
}

// The files that came with the repository.
fs::path mnist_files() {
  const char* source = std::getenv("STRATA_SOURCE_DIR");  // ctest sets it
  if (!source) throw std::runtime_error("STRATA_SOURCE_DIR is not set");
  return fs::path(source) / "data" / "mnist";
}

TEST_F(DatasetsTest, MnistOfTheRepository) {
  const auto [train, test] = datasets::mnist::load_data();
  EXPECT_EQ(train.x.type(), (Type{DType::u8, {60000, 28, 28}}));
  EXPECT_EQ(train.y.type(), (Type{DType::u8, {60000}}));
  EXPECT_EQ(test.x.type(), (Type{DType::u8, {10000, 28, 28}}));
  EXPECT_EQ(test.y.type(), (Type{DType::u8, {10000}}));
  EXPECT_EQ(first(train.y, 5), (std::vector<int>{5, 0, 4, 1, 9}));
  EXPECT_EQ(first(test.y, 5), (std::vector<int>{7, 2, 1, 0, 4}));
  EXPECT_EQ(histogram(train.y), (std::array{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(histogram(test.y), (std::array{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  EXPECT_NEAR(mean(train.x) / 255, 0.1307, 5e-5);  // the mean that everybody normalizes with
}

TEST_F(DatasetsTest, RecompressedAndUnpackedFilesPass) {
  const auto content = [](const std::string& name) {
    gzFile file = gzopen((mnist_files() / (name + ".gz")).c_str(), "rb");
    std::string text(50'000'000, '\0');
    text.resize(static_cast<std::size_t>(gzread(file, text.data(), 50'000'000)));
    gzclose(file);
    return text;
  };
  write_file(place("given/train-images-idx3-ubyte"), content("train-images-idx3-ubyte"));
  write_file(place("given/train-labels.idx1-ubyte"), content("train-labels-idx1-ubyte"));
  write_file(place("given/t10k-images-idx3-ubyte.gz"), gzipped(content("t10k-images-idx3-ubyte")));
  write_file(place("given/t10k-labels-idx1-ubyte.gz"), gzipped(content("t10k-labels-idx1-ubyte"), 9));
  const datasets::Data d = datasets::mnist::load_data({.directory = place("given").string()});
  EXPECT_EQ(first(d.train.y, 5), (std::vector<int>{5, 0, 4, 1, 9}));
}

TEST_F(DatasetsTest, AGivenDirectoryIsTheOnlyPlace) {
  const std::string none = error_of([&] { datasets::mnist::load_data({.directory = place("none").string()}); });
  EXPECT_EQ(none, "[datasets::mnist] cannot be read from the given directory.\n  1. directory " +
                      place("none").string() + ": no such folder");
  fs::create_directories(place("given"));
  const auto message = [&] {
    return error_of([&] { datasets::mnist::load_data({.directory = place("given").string()}); });
  };
  EXPECT_TRUE(has(message(), "has none of its files")) << message();
  for (const auto& entry : fs::directory_iterator(mnist_files()))
    if (entry.path().extension() == ".gz") fs::copy(entry, place("given"));
  const fs::path labels = place("given/train-labels-idx1-ubyte.gz");
  const std::string good = read_file(labels);

  fs::remove(labels);
  EXPECT_TRUE(has(message(), "misses train-labels-idx1-ubyte[.gz]")) << message();
  write_file(labels, good.substr(0, good.size() / 2));
  EXPECT_TRUE(has(message(), labels.string() + "] is truncated")) << message();
  write_file(labels, gzipped(idx({60000}, std::string(59999, '\1'))));
  EXPECT_TRUE(has(message(), "is truncated: expected 60000 bytes")) << message();
  write_file(labels, gzipped(idx({59999}, std::string(59999, '\1'))));
  EXPECT_TRUE(has(message(), "expected shape [60000]; received [59999]")) << message();
  write_file(labels, gzipped(idx({60000}, std::string(60000, '\12'))));
  EXPECT_TRUE(has(message(), "expected labels from 0 to 9; received 10")) << message();
  write_file(labels, gzipped("not IDX at all"));
  EXPECT_TRUE(has(message(), "wrong magic number: expected 0x00000801; received 0x6e6f7420")) << message();
  write_file(labels, gzipped(idx({60000}, std::string(60000, '\1'))));
  EXPECT_TRUE(has(message(), "wrong checksum: expected SHA-256 65a50cbb")) << message();
  EXPECT_TRUE(has(message(), labels.string())) << message();
}

TEST_F(DatasetsTest, ADamagedCopyIsPassedOver) {
  write_file(place("env/mnist/train-labels-idx1-ubyte.gz"), "damaged");
  set("STRATA_DATA_DIR", place("env").c_str());
  EXPECT_EQ(datasets::mnist::load_data().train.x.shape()[0], 60000);  // from the repository
}

TEST_F(DatasetsTest, OneErrorListsEveryPlaceAndReason) {
  write_file(place("env/train-labels-idx1-ubyte.gz"), "x");
  write_file(place("keras/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz"), "y");
  set("STRATA_DATA_DIR", place("env").c_str());
  const std::string message = error_of([] { datasets::fashion_mnist::load_data(); });
  EXPECT_TRUE(has(message, "[datasets::fashion_mnist] no usable copy was found. Tried:\n  1. STRATA_DATA_DIR " +
                               place("env").string() + ": [" + place("env").string() + "] misses")) << message;
  EXPECT_TRUE(has(message, "2. Keras's cache " + place("keras/datasets").string() + ": [" +
                               place("keras/datasets/fashion-mnist").string() + "] misses")) << message;
  EXPECT_TRUE(has(message, "3. cache " + place("cache/strata/datasets").string() + ": no such folder")) << message;
  EXPECT_TRUE(has(message, "4. installation")) << message;
  EXPECT_TRUE(has(message, "5. repository")) << message;
  EXPECT_TRUE(has(message, "6. download: switched off by STRATA_OFFLINE")) << message;
}

TEST_F(DatasetsTest, WhatAMirrorSendsIsChecked) {  // right in its format, but other images
  const FlakyServer server({{.body = gzipped(idx({60000, 28, 28}, std::string(60000 * 784, '\3')))}});
  set("STRATA_OFFLINE", "0");
  set("STRATA_DATASETS_URL", server.url("/mirror/").c_str());
  const std::string message = error_of([] { datasets::fashion_mnist::load_data({.quiet = true}); });
  EXPECT_TRUE(has(message, "download: [" + server.url("/mirror/fashion_mnist/train-images-idx3-ubyte.gz") +
                               "] what came is wrong: wrong checksum: expected MD5 8d4fb7e6")) << message;
  EXPECT_FALSE(fs::exists(place("cache/strata/datasets/fashion_mnist/train-images-idx3-ubyte.gz")));
}

// ---- CIFAR, in files of the published size

// Record i of a file: labels i mod classes, red i mod 251, green 1, blue the pixel's number mod 256.
std::string cifar_records(std::size_t count, const std::vector<int>& classes) {
  std::string out;
  out.reserve(count * (classes.size() + 3072));
  std::string blue(1024, '\0');
  for (std::size_t p = 0; p < 1024; ++p) blue[p] = static_cast<char>(p);
  for (std::size_t i = 0; i < count; ++i) {
    for (const int n : classes) out += static_cast<char>(i % static_cast<std::size_t>(n));
    out += std::string(1024, static_cast<char>(i % 251)) + std::string(1024, '\1') + blue;
  }
  return out;
}

TEST_F(DatasetsTest, Cifar10FromTheArchive) {
  const std::string batch = cifar_records(10000, {10});
  std::string tar = tar_entry("cifar-10-batches-bin/", "", '5');
  for (const char* name : {"data_batch_3", "data_batch_1", "data_batch_2", "data_batch_4", "data_batch_5", "test_batch"})
    tar += tar_entry("cifar-10-batches-bin/" + std::string(name) + ".bin", batch);
  const std::string archive = gzipped(tar + std::string(1024, '\0'));
  const fs::path file = place("given/cifar-10-binary.tar.gz");
  write_file(file, archive);
  const auto load = [&] { return datasets::cifar10::load_data({.directory = place("given").string()}); };
  const auto [train, test] = load();
  EXPECT_EQ(train.x.type(), (Type{DType::u8, {50000, 32, 32, 3}}));
  EXPECT_EQ(train.y.type(), (Type{DType::u8, {50000, 1}}));
  EXPECT_EQ(test.x.shape(), Shape({10000, 32, 32, 3}));
  const Tensor image = train.x.rows(20007, 20008);  // the third file's record 7
  EXPECT_EQ(train.y.at<int>(20007), 7);
  EXPECT_EQ(first(image, 6), (std::vector<int>{7, 1, 0, 7, 1, 1}));  // pixel by pixel: red, green, blue
  EXPECT_EQ(image.at<int>(3 * 40 + 2), 40);

  write_file(file, archive.substr(0, archive.size() / 2));
  EXPECT_TRUE(has(error_of(load), "is truncated")) << error_of(load);
  write_file(file, gzipped(tar_entry("test_batch.bin", "short") + std::string(1024, '\0')));
  EXPECT_TRUE(has(error_of(load), "expected test_batch.bin of 30730000 bytes; received 5")) << error_of(load);
  write_file(file, gzipped(std::string(1024, '\0')));
  EXPECT_TRUE(has(error_of(load), "the archive misses data_batch_1.bin")) << error_of(load);
}

TEST_F(DatasetsTest, Cifar100Unpacked) {
  std::string train = cifar_records(50000, {20, 100});
  const fs::path folder = place("given/cifar-100-binary");
  write_file(folder / "train.bin", train);
  const auto load = [&](const std::string& mode) {
    return datasets::cifar100::load_data({.label_mode = mode, .directory = place("given").string()});
  };
  EXPECT_TRUE(has(error_of([&] { load("fine"); }), "misses test.bin"));
  write_file(folder / "test.bin", train.substr(0, 10000 * 3074));
  EXPECT_EQ(load("fine").train.y.at<int>(49999), 99);
  EXPECT_EQ(load("coarse").train.y.at<int>(49999), 19);
  EXPECT_EQ(load("fine").test.x.shape(), Shape({10000, 32, 32, 3}));
  EXPECT_EQ(error_of([&] { load("rough"); }),
            "[datasets::cifar100] expected label_mode \"fine\" or \"coarse\"; received \"rough\"");
  train[3074 * 5 + 1] = 'd';  // a fine label of 100
  write_file(folder / "train.bin", train);
  EXPECT_TRUE(has(error_of([&] { load("coarse"); }), "expected labels below 100; received 100 in record 5"));
  write_file(folder / "test.bin", train.substr(0, 3074));
  EXPECT_TRUE(has(error_of([&] { load("fine"); }), "test.bin] is truncated: expected 30740000 bytes; received 3074"));
}

TEST_F(DatasetsTest, CifarDownloadsAreCheckedAgainstThePublishedSum) {
  const FlakyServer server({{.body = "not the archive"}});
  set("STRATA_OFFLINE", "0");
  set("STRATA_DATASETS_URL", server.url("").c_str());
  const std::string message = error_of([] { datasets::cifar10::load_data({.quiet = true}); });
  EXPECT_TRUE(has(message, "wrong checksum: expected MD5 c32a1d4ab5d03f1284b67883e8d87530")) << message;
  EXPECT_EQ(server.requests().front(), "GET /cifar10/cifar-10-binary.tar.gz");
}

}  // namespace
}  // namespace strata
