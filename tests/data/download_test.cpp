#include "data/download.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/base/error.h"
#include "tests/data/flaky_server.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Reply = FlakyServer::Reply;

class DownloadTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "strata-download-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    setenv("no_proxy", "127.0.0.1", 1);
    for (std::size_t i = 0; i < 300'000; ++i) content_ += static_cast<char>((i * 2654435761u) >> 13);
    options_.quiet = true;
    options_.stall_timeout = std::chrono::milliseconds(300);
    options_.connect_timeout = std::chrono::milliseconds(300);
    options_.pause = std::chrono::milliseconds(5);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string read(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void fetch(const FlakyServer& server) {
    data::download(server.url("/set/file.gz"), target(), [this](const fs::path& file) {
      if (read(file) != content_) throw Error(file.string(), "wrong checksum");
    }, options_);
  }
  std::string error_of(const FlakyServer& server) {
    try {
      fetch(server);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  fs::path target() const { return folder_ / "new" / "file.gz"; }
  fs::path part() const { return folder_ / "new" / "file.gz.part"; }
  std::string prefix(const FlakyServer& server) const { return "[" + server.url("/set/file.gz") + "] "; }

  fs::path folder_;
  std::string content_;
  data::DownloadOptions options_;
};

TEST_F(DownloadTest, AGoodServer) {
  const FlakyServer server({{.body = content_}});
  fetch(server);
  EXPECT_EQ(read(target()), content_);
  EXPECT_FALSE(fs::exists(part()));
  EXPECT_EQ(server.requests(), std::vector<std::string>{"GET /set/file.gz"});
}

TEST_F(DownloadTest, ACutOffIsContinued) {
  const FlakyServer server({{.body = content_, .send = 100'000}, {.body = content_, .send = 50'000}, {.body = content_}});
  fetch(server);
  EXPECT_EQ(read(target()), content_);
  EXPECT_EQ(server.requests(), (std::vector<std::string>{"GET /set/file.gz", "GET /set/file.gz bytes=100000-",
                                                         "GET /set/file.gz bytes=150000-"}));
}

TEST_F(DownloadTest, AStallIsGivenUpAndContinued) {
  const FlakyServer server({{.body = content_, .send = 1000, .stall = true}, {.body = content_}});
  fetch(server);
  EXPECT_EQ(read(target()), content_);
  EXPECT_EQ(server.requests().back(), "GET /set/file.gz bytes=1000-");
}

TEST_F(DownloadTest, AServerThatStallsForEverIsNamed) {
  options_.attempts = 2;
  const FlakyServer server({{.body = content_, .send = 0, .stall = true}});
  EXPECT_EQ(error_of(server), prefix(server) + "timed out without an answer (2 attempts)");
}

TEST_F(DownloadTest, AServerThatIgnoresRangesStartsAnew) {
  const FlakyServer server({{.body = content_, .send = 100'000}, {.body = content_, .ranges = false}});
  fetch(server);
  EXPECT_EQ(read(target()), content_);
  EXPECT_EQ(server.requests().size(), 3u);  // the last without a Range
  EXPECT_EQ(server.requests().back(), "GET /set/file.gz");
}

TEST_F(DownloadTest, APartOfAnEarlierProcessIsContinued) {
  fs::create_directories(part().parent_path());
  std::ofstream(part(), std::ios::binary) << content_.substr(0, 123'456);
  const FlakyServer server({{.body = content_}});
  fetch(server);
  EXPECT_EQ(read(target()), content_);
  EXPECT_EQ(server.requests(), std::vector<std::string>{"GET /set/file.gz bytes=123456-"});
}

TEST_F(DownloadTest, APartThatIsTooLongOrWrongStartsAnew) {
  for (const std::string& stale : {content_ + "more", std::string(1000, 'z')}) {
    fs::remove_all(folder_ / "new");
    fs::create_directories(part().parent_path());
    std::ofstream(part(), std::ios::binary) << stale;
    const FlakyServer server({{.body = content_}});
    fetch(server);
    EXPECT_EQ(read(target()), content_);
  }
}

TEST_F(DownloadTest, NotFoundIsNotRepeated) {
  const FlakyServer server({{.status = 404, .body = "no such thing"}});
  EXPECT_EQ(error_of(server), prefix(server) + "the server answered 404 (1 attempt)");
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_FALSE(fs::exists(target()));
  EXPECT_FALSE(fs::exists(part()));  // the answer's text is not data
}

TEST_F(DownloadTest, AServerInTroubleIsAskedAgain) {
  const FlakyServer server({{.status = 503}, {.status = 503}, {.body = content_}});
  fetch(server);
  EXPECT_EQ(read(target()), content_);
  const FlakyServer never(std::vector<Reply>{{.status = 500}});
  fs::remove(target());
  EXPECT_EQ(error_of(never), prefix(never) + "the server answered 500 (4 attempts)");
  EXPECT_EQ(never.requests().size(), 4u);
}

TEST_F(DownloadTest, WrongBytesAreFetchedOnceMoreAndThenRefused) {
  std::string wrong = content_;
  wrong[5] = static_cast<char>(wrong[5] ^ 1);
  const FlakyServer once({{.body = wrong}, {.body = content_}});
  fetch(once);
  EXPECT_EQ(read(target()), content_);
  fs::remove(target());
  const FlakyServer always({{.body = wrong}});
  EXPECT_EQ(error_of(always), prefix(always) + "what came is wrong: wrong checksum (2 attempts)");
  EXPECT_FALSE(fs::exists(target()));
  EXPECT_FALSE(fs::exists(part()));
}

TEST_F(DownloadTest, AFileWithoutEndIsRefused) {
  options_.max_bytes = 100'000;
  const FlakyServer server({{.body = content_}});
  EXPECT_EQ(error_of(server), prefix(server) + "the file is larger than 100000 bytes (1 attempt)");
}

TEST_F(DownloadTest, NobodyListens) {
  std::string url;
  {
    const FlakyServer server(std::vector<Reply>(1));
    url = server.url("/x");
  }
  options_.attempts = 2;
  try {
    data::download(url, target(), [](const fs::path&) {}, options_);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("Failed to connect"), std::string::npos) << e.what();
  }
  try {
    data::download("file:///etc/hostname", target(), [](const fs::path&) {}, options_);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("(1 attempt)"), std::string::npos) << e.what();
  }
}

TEST_F(DownloadTest, TwoAtATimeTakeTurns) {
  const FlakyServer server({{.body = content_}});
  std::thread other([&] { fetch(server); });
  fetch(server);
  other.join();
  EXPECT_EQ(read(target()), content_);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(DownloadTest, QuietMeansQuiet) {
  const FlakyServer server({{.body = content_}});
  testing::internal::CaptureStderr();
  fetch(server);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  fs::remove(target());
  options_.quiet = false;
  testing::internal::CaptureStderr();
  fetch(server);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("file.gz ["), std::string::npos);
}

}  // namespace
}  // namespace strata
