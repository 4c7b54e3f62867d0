// The main of every test program. With --file=core/graph/graph_test it runs the tests written in that
// file; that is how one program serves several entries of ctest without listing its tests at build time.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/version.h"

namespace {

// "Suite.Test:Suite.Test..." of all tests in `file`; empty when there is none.
std::string filter_of(std::string_view file) {
  const std::string ending = "tests/" + std::string(file) + ".cpp";
  std::string filter;
  const testing::UnitTest& unit = *testing::UnitTest::GetInstance();
  for (int s = 0; s < unit.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *unit.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const testing::TestInfo& test = *suite.GetTestInfo(t);
      if (!std::string_view(test.file()).ends_with(ending)) continue;
      filter += std::string(filter.empty() ? "" : ":") + suite.name() + "." + test.name();
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const char* expected = std::getenv("STRATA_EXPECTED_LEVEL");
  if (expected && strata::config::built_level() != expected) {
    std::fprintf(stderr, "expected the library of level %s; the loader took %s\n", expected,
                 std::string(strata::config::built_level()).c_str());
    return 1;
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with("--file=")) {
      std::fprintf(stderr, "unknown argument %s\n", argv[i]);
      return 2;
    }
    const std::string filter = filter_of(argument.substr(7));
    if (filter.empty()) {
      std::fprintf(stderr, "no test is written in %s\n", argv[i] + 7);
      return 1;
    }
    // The process of a death test has a filter of its own: that test alone.
    if (GTEST_FLAG_GET(internal_run_death_test).empty()) GTEST_FLAG_SET(filter, filter);
  }
  return RUN_ALL_TESTS();
}
