#include "core/base/json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/messages.h"

namespace strata {
namespace {

TEST(Json, WhatPythonWritesComesBack) {
  const std::string text = R"({"a": [1, -2.5, 1e+300, true, null], "b": {"c": "\u00e9\"\\"}, "d": [], "e": {}})";
  EXPECT_EQ(to_json(parse_json(text, "f")), text);
  const ConfigValue numbers = parse_json("[NaN, Infinity, -Infinity, 9223372036854775808, 1.0]", "f");
  EXPECT_TRUE(std::isnan(numbers.as_list()[0].as_double()));
  EXPECT_EQ(numbers.as_list()[2].as_double(), -HUGE_VAL);
  EXPECT_EQ(numbers.as_list()[3].as_double(), 9223372036854775808.0);
  EXPECT_EQ(to_json(numbers), "[NaN, Infinity, -Infinity, 9223372036854775808.0, 1.0]");
}

TEST(Json, MalformedTextIsAnErrorWithItsPosition) {
  for (const std::string text :
       {"", "{", "[1,]", "{\"a\" 1}", "01", "\"\x01\"", "\"\xff\"", "tru", "1 2", "1e999", "{1: 2}"})
    EXPECT_ERROR(parse_json(text, "file"), "[file] malformed JSON at byte");
  EXPECT_ERROR(parse_json(R"({"a": 1, "a": 2})", "file"), "the key 'a' comes twice");
}

TEST(Json, DepthAndNumberOfKeysAreBounded) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(to_json(parse_json(nested(200), "f")), nested(200));
  EXPECT_ERROR(parse_json(nested(201), "f"), "nested deeper than 200 levels");
  EXPECT_ERROR(parse_json(std::string(10'000'000, '['), "f"), "nested deeper than 200 levels");
  const auto object = [](int keys) {
    std::string text = "{";
    for (int i = 0; i < keys; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
    return text + "}";
  };
  EXPECT_EQ(parse_json(object(10'000), "f").as_config().items().size(), 10'000u);
  EXPECT_ERROR(parse_json(object(500'000), "f"), "objects with too many keys");  // and does not take minutes
}

}  // namespace
}  // namespace strata
