#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "distributed/in_process.h"

namespace strata::testing {

/// work(communicator) on a thread for each replica of a group. What each one's Error said; empty where there was none.
inline std::vector<std::string> on_all(distribute::InProcessGroup& group,
                                       const std::function<void(Communicator&)>& work) {
  std::vector<std::string> errors(static_cast<std::size_t>(group.size()));
  std::vector<std::thread> threads;
  for (int r = 0; r < group.size(); ++r)
    threads.emplace_back([&, r] {
      try {
        work(*group.communicator(r));
      } catch (const Error& e) {
        errors[static_cast<std::size_t>(r)] = e.what();
      }
    });
  for (std::thread& t : threads) t.join();
  return errors;
}

inline distribute::InProcessGroup group_of(int size, std::chrono::milliseconds timeout = std::chrono::minutes(2)) {
  std::vector<std::string> names;
  for (int r = 0; r < size; ++r) names.push_back("cpu:" + std::to_string(r));
  return distribute::InProcessGroup(names, timeout);
}

}  // namespace strata::testing
