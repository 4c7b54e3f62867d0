#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "core/base/sanitizers.h"
#include "tests/models/saving/saving_testing.h"
#include "tests/support/messages.h"
#include "tests/support/own_program.h"

namespace strata {
namespace {

using testing::bytes_of;
using testing::expect_equal;
using testing::write_bytes;

class Isolation : public testing::TemporaryFolder {
 protected:
  void TearDown() override {
    ::unsetenv("STRATA_READER");
    TemporaryFolder::TearDown();
  }
  /// A script in the place of the reader.
  void use_reader(const std::string& script) const {
    write_bytes(file("reader"), "#!/bin/sh\n" + script + "\n");
    ::chmod(file("reader").c_str(), 0700);
    ::setenv("STRATA_READER", file("reader").c_str(), 1);
  }
};

Sequential network() {
  Sequential model({layers::Input({6}), layers::Dense(3), layers::BatchNormalization(), layers::Dense(2)});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

TEST_F(Isolation, GivesWhatReadingHereGives) {
  Sequential a = network();
  testing::train(a);
  for (const std::string name : {"a.keras", "a.h5"}) {
    a.save(file(name));
    Model b = load_model(file(name), {.isolated = true});
    expect_equal(a.get_weights(), b.get_weights());
    EXPECT_EQ(b.optimizer().iterations().value().item<int>(), 4);
    Sequential c = network();
    c.load_weights(file(name), {.isolated = true});
    expect_equal(a.get_weights(), c.get_weights());
  }
  a.save_weights(file("a.weights.h5"));
  Sequential d = network();
  d.load_weights(file("a.weights.h5"), {.isolated = true});
  expect_equal(a.get_weights(), d.get_weights());
}

TEST_F(Isolation, ErrorsAreThoseOfReadingHere) {
  write_bytes(file("a.h5"), "this is text");
  const std::string here = testing::message_of([&] { load_model(file("a.h5")); });
  EXPECT_EQ(testing::message_of([&] { load_model(file("a.h5"), {.isolated = true}); }), here);
  EXPECT_NE(here.find("cannot be opened as an HDF5 file"), std::string::npos) << here;
  EXPECT_ERROR(load_model(file("missing.h5"), {.isolated = true}), "File not found");
  std::filesystem::create_directory(file("folder.keras"));
  EXPECT_ERROR(load_model(file("folder.keras"), {.isolated = true}), "folder.keras] cannot be read: Is a directory");
}

TEST_F(Isolation, TheDeathOfTheReaderIsAnErrorThatNamesTheFile) {
  network().save(file("a.h5"));
  use_reader("kill -SEGV $$");
  EXPECT_ERROR(load_model(file("a.h5"), {.isolated = true}), "Its isolated reader died: it was killed by signal 11");
  EXPECT_ERROR(load_model(file("a.h5"), {.isolated = true}), file("a.h5"));
  use_reader("exit 7");
  EXPECT_ERROR(load_model(file("a.h5"), {.isolated = true}), "it ended with status 7");
  use_reader("ulimit -t 1; while :; do :; done");
  EXPECT_ERROR(load_model(file("a.h5"), {.isolated = true}), "seconds of work");
  ::setenv("STRATA_READER", file("none").c_str(), 1);
  EXPECT_ERROR(load_model(file("a.h5"), {.isolated = true}), "cannot be started");
}

TEST_F(Isolation, AnswersThatAreNoneAreRefused) {
  network().save(file("a.h5"));
  use_reader("exec 3>&0; head -c 100 /dev/zero | tr '\\0' '\\377' >&3");  // standard input is the socket
  EXPECT_ERROR(load_model(file("a.h5"), {.isolated = true}), "malformed");
}

TEST_F(Isolation, TheReaderGetsItsLimits) {
  network().save(file("a.h5"));
  use_reader("echo \"$2 $3\" > " + file("limits"));
  EXPECT_ERROR(load_model(file("a.h5"), {.isolated = true}), "died");
  const std::uint64_t bytes = std::filesystem::file_size(file("a.h5"));
  EXPECT_EQ(bytes_of(file("limits")), std::to_string((std::uint64_t{2} << 30) + 4 * bytes) + " 60\n");
}

#if !STRATA_ADDRESS_SANITIZER  // sanitizers reserve terabytes, so that there is no limit on memory
TEST_F(Isolation, AReaderThatNeedsMoreMemoryThanItMayTakeIsAnError) {
  Sequential large({layers::Input({1000}), layers::Dense(20'000)});  // 80 MB
  large.save(file("a.keras"));
  const std::string reader = (testing::own_program().parent_path() / "../lib/strata/strata-read").lexically_normal();
  use_reader("exec '" + reader + "' \"$1\" 60000000 60");
  EXPECT_ERROR(load_model(file("a.keras"), {.isolated = true}), "more memory than its isolated reader may take");
}
#endif

// The seed is printed so that a failure can be repeated.
TEST_F(Isolation, FlippedBitsNeverCrashTheCaller) {
  const char* const given = std::getenv("STRATA_FLIP_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::mt19937_64 random(seed);
  Sequential model = network();
  int deaths = 0, refused = 0, loaded = 0;
  for (const std::string name : {"a.keras", "a.h5"}) {
    model.save(file(name));
    const std::string good = bytes_of(file(name));
    for (int i = 0; i < 60; ++i) {
      std::string damaged = good;
      for (int k = 0; k < 3; ++k) damaged[random() % good.size()] ^= static_cast<char>(1 << random() % 8);
      write_bytes(file(name), damaged);
      const std::string message = testing::message_of([&] { load_model(file(name), {.isolated = true}); });
      (message == "no error" ? loaded : message.find("isolated reader") != std::string::npos ? deaths : refused)++;
    }
  }
  std::printf("seed %llu: %d loaded, %d refused, %d readers died\n", static_cast<unsigned long long>(seed), loaded,
              refused, deaths);
  EXPECT_EQ(loaded + refused + deaths, 120);
}

}  // namespace
}  // namespace strata
