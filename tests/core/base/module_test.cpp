#include "core/base/module.h"

#include <gtest/gtest.h>

#include <barrier>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "tests/support/messages.h"

namespace strata {
namespace {

// First in its file, which ctest runs in a process of its own: no module is there yet.
TEST(Modules, ThreadsThatAskAtOnceGetOneModule) {
  constexpr int count = 8;
  std::barrier start(count);
  std::vector<const Module*> found(count);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i)
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        found[static_cast<std::size_t>(i)] = &find_module(i % 2 == 0 ? "hdf5" : "zip");
      });
  }
  for (int i = 2; i < count; ++i) EXPECT_EQ(found[static_cast<std::size_t>(i)], found[static_cast<std::size_t>(i % 2)]);
  EXPECT_NE(found[0], found[1]);
}

TEST(Modules, OneThatIsNotThereIsAnError) {
  EXPECT_ERROR(find_module("none"), "[strata/none.so] the module was not found beside the library in ");
  EXPECT_ERROR(find_module("none"), "install Strata anew");
}

}  // namespace
}  // namespace strata
