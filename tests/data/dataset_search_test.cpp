#include "data/dataset_search.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "tests/data/flaky_server.h"
#include "tests/data/make_files.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class DatasetSearchTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* const names[] = {"STRATA_DATA_DIR", "KERAS_HOME", "XDG_CACHE_HOME", "STRATA_OFFLINE",
                                 "STRATA_DATASETS_URL", "no_proxy"};
    for (const char* name : names) {
      const char* value = std::getenv(name);
      before_.emplace_back(name, value ? std::optional<std::string>(value) : std::nullopt);
      unsetenv(name);
    }
    setenv("KERAS_HOME", (folder_.path / "keras").c_str(), 1);
    setenv("XDG_CACHE_HOME", (folder_.path / "cache").c_str(), 1);
    setenv("no_proxy", "127.0.0.1", 1);
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }
  // One file, whose content must be "good".
  data::DatasetSource source(std::vector<std::string> urls) {
    const auto check = [](const fs::path& file) {
      if (read_file(file) != "good") throw Error(file.string(), "wrong checksum");
    };
    data::DatasetSource s{"toy", {"toy"}, {{"toy.bin", std::move(urls), check}}, {}, {}};
    s.present = [](const fs::path& folder) { return fs::exists(folder / "toy.bin"); };
    s.read = [check](const fs::path& folder) {
      check(folder / "toy.bin");
      return datasets::Data{{Tensor::scalar(1.0f), {}}, {}};
    };
    return s;
  }
  fs::path cached() const { return folder_.path / "cache" / "strata" / "datasets" / "toy" / "toy.bin"; }

  TemporaryFolder folder_;
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

TEST_F(DatasetSearchTest, ADownloadFillsTheCacheOnce) {
  const FlakyServer server(std::vector<FlakyServer::Reply>{{.body = "good"}});
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(data::find_dataset(source({server.url("/toy.bin")}), {.quiet = true}).train.x.defined());
  EXPECT_EQ(read_file(cached()), "good");
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(DatasetSearchTest, TheNextAddressIsAskedWhenOneFails) {
  const FlakyServer broken(std::vector<FlakyServer::Reply>{{.status = 404}});
  const FlakyServer server(std::vector<FlakyServer::Reply>{{.body = "good"}});
  data::find_dataset(source({broken.url("/a"), server.url("/b")}), {.quiet = true});
  EXPECT_EQ(read_file(cached()), "good");
}

TEST_F(DatasetSearchTest, ADamagedFileInTheCacheIsReplaced) {
  write_file(cached(), "bad");
  const FlakyServer server(std::vector<FlakyServer::Reply>{{.body = "good"}});
  data::find_dataset(source({server.url("/toy.bin")}), {.quiet = true});
  EXPECT_EQ(read_file(cached()), "good");
}

TEST_F(DatasetSearchTest, AMirrorReplacesTheAddresses) {
  const FlakyServer server(std::vector<FlakyServer::Reply>{{.body = "good"}});
  setenv("STRATA_DATASETS_URL", server.url("/m").c_str(), 1);
  data::find_dataset(source({"http://127.0.0.1:1/unused"}), {.quiet = true});
  EXPECT_EQ(server.requests(), std::vector<std::string>{"GET /m/toy/toy.bin"});
}

TEST_F(DatasetSearchTest, EarlierPlacesComeFirst) {
  write_file(folder_.path / "env" / "toy.bin", "good");
  setenv("STRATA_DATA_DIR", (folder_.path / "env").c_str(), 1);
  setenv("STRATA_OFFLINE", "1", 1);
  EXPECT_TRUE(data::find_dataset(source({}), {}).train.x.defined());
  write_file(folder_.path / "env" / "toy.bin", "bad");
  EXPECT_THROW(data::find_dataset(source({}), {}), Error);
  write_file(folder_.path / "keras" / "datasets" / "toy" / "toy.bin", "good");
  EXPECT_TRUE(data::find_dataset(source({}), {}).train.x.defined());
}

}  // namespace
}  // namespace strata
