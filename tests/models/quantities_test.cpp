#include "models/quantities.h"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(Quantities, TimesHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(time_text(0), "0.00 us");
  EXPECT_EQ(time_text(12.34e-6), "12.3 us");
  EXPECT_EQ(time_text(999.6e-6), "1.00 ms");
  EXPECT_EQ(time_text(0.0412), "41.2 ms");
  EXPECT_EQ(time_text(0.9999), "1.00 s");
  EXPECT_EQ(time_text(61), "61.0 s");
  EXPECT_EQ(time_text(600), "10.0 min");
  EXPECT_EQ(time_text(9000), "2.50 h");
}

TEST(Quantities, BytesGoByPowersOf1024) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.50 KiB");
  EXPECT_EQ(bytes_text(1024.0 * 1024), "1.00 MiB");
  EXPECT_EQ(bytes_text(141.0 * 1024 * 1024 * 1024), "141 GiB");
}

TEST(Quantities, CountsAreGrouped) {
  EXPECT_EQ(count_text(1.234), "1.23");
  EXPECT_EQ(count_text(99.96), "100");
  EXPECT_EQ(count_text(1234.4), "1,234");
  EXPECT_EQ(count_text(1234567), "1,234,567");
}

}  // namespace
}  // namespace strata
