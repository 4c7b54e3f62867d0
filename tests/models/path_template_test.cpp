#include "models/callbacks/path_template.h"

#include <gtest/gtest.h>

#include "tests/support/messages.h"

namespace strata::callbacks {
namespace {

// Expected texts are what Python 3.11's str.format gives.
TEST(PathTemplate, FillsInAsPythonDoes) {
  const PathValues values = {
      {"epoch", std::int64_t{7}}, {"val_loss", 0.46666666865348816}, {"acc", 1.0}, {"rate", 1e-05}};
  EXPECT_EQ(fill_path("plain.keras", values), "plain.keras");
  EXPECT_EQ(fill_path("{epoch:02d}-{val_loss:.2f}.keras", values), "07-0.47.keras");
  EXPECT_EQ(fill_path("{epoch}/{val_loss}/{acc}/{rate}", values), "7/0.46666666865348816/1.0/1e-05");
  EXPECT_EQ(fill_path("{epoch:>4}|{epoch:<3}|{val_loss:8.3e}|{acc:g}", values), "   7|7  |4.667e-01|1");
  EXPECT_EQ(fill_path("{{{epoch}}}", values), "{7}");
}

TEST(PathTemplate, SaysWhatDoesNotFit) {
  const PathValues values = {{"epoch", std::int64_t{7}}, {"loss", 0.5}};
  EXPECT_ERROR(fill_path("{val_loss:.2f}.keras", values),
               "Failed to format this callback filepath: \"{val_loss:.2f}.keras\". Reason: 'val_loss' is not one of "
               "'epoch', 'loss'");
  EXPECT_ERROR(fill_path("{loss:02d}.keras", values), "the format '02d' of 'loss'");
  EXPECT_ERROR(fill_path("{epoch", values), "a brace without its counterpart");
  EXPECT_ERROR(fill_path("epoch}", values), "a brace without its counterpart");
  EXPECT_ERROR(fill_path("{epoch:{loss}}", values), "a brace without its counterpart");
}

}  // namespace
}  // namespace strata::callbacks
