#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/core/ops/harness/all_ops_entries.h"

namespace strata::harness {
namespace {

class AllOpsTest : public ::testing::TestWithParam<Entry> {
 protected:
  void for_each_sample(void (*check_one)(const Sample&)) {
    const SampleList samples = GetParam().samples();
    ASSERT_FALSE(samples.empty());
    for (const Sample& s : samples) {
      SCOPED_TRACE(GetParam().name + " '" + s.label + "'");
      check_one(s);
    }
  }
};

TEST_P(AllOpsTest, Types) { for_each_sample(check_types); }
TEST_P(AllOpsTest, Reference) { for_each_sample(check_reference); }
TEST_P(AllOpsTest, Gradient) { for_each_sample(check_gradient); }
TEST_P(AllOpsTest, Compiled) { for_each_sample(check_compiled); }
TEST_P(AllOpsTest, Threads) { for_each_sample(check_threads); }
TEST_P(AllOpsTest, SixteenBits) { for_each_sample(check_sixteen_bits); }

INSTANTIATE_TEST_SUITE_P(Harness, AllOpsTest, ::testing::ValuesIn(entries_of(AllOps{})),
                         [](const auto& entry) { return entry.param.name; });

/// Names of the ops that a header declares.
void collect_names(const std::filesystem::path& header, std::multiset<std::string>& names) {
  std::ifstream file(header);
  ASSERT_TRUE(file) << header;
  const std::string start = "static constexpr std::string_view name = \"";
  for (std::string line; std::getline(file, line);)
    if (const auto at = line.find(start); at != std::string::npos) {
      const auto first = at + start.size();
      names.insert(line.substr(first, line.find('"', first) - first));
    }
}

TEST(AllOps, NamesEveryOpOfTheHeaders) {
  const char* root = std::getenv("STRATA_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "set it to the repository's folder";
  std::multiset<std::string> declared, listed;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(root) / "core/ops"))
    if (file.path().extension() == ".h") collect_names(file.path(), declared);
  collect_names(std::filesystem::path(root) / "core/graph/apply.h", declared);
  for (const Entry& e : entries_of(AllOps{})) listed.insert(e.name);
  EXPECT_EQ(listed, declared);
}

TEST(AllOps, EqualOpsAreEqual) {  // otherwise common subexpressions stay
  for (const Entry& e : entries_of(AllOps{})) {
    const SampleList a = e.samples(), b = e.samples();
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].op.equals(b[i].op)) << e.name << a[i].label;
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].op.name(), e.name);
  }
}

}  // namespace
}  // namespace strata::harness
