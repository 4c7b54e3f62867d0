#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/base/error.h"

namespace strata::testing {

/// The message of the Error that `f` throws, "no error" when it throws none.
template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace strata::testing

/// The statement throws an Error whose message holds this text.
#define EXPECT_ERROR(statement, text)                                                             \
  do {                                                                                            \
    const std::string strata_message = ::strata::testing::message_of([&] { (void)(statement); }); \
    EXPECT_NE(strata_message.find(text), std::string::npos) << "message: " << strata_message;      \
  } while (false)
