#pragma once

#include <functional>
#include <memory>

namespace strata::distribute {

/// A thread for each replica but the first, whose work the caller does; they sleep between steps. Internal.
class Crew {
 public:
  Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  /// task(0) to task(members - 1) at the same time; returns when all are over, and rethrows the exception that came
  /// first. One caller at a time.
  void run(int members, const std::function<void(int)>& task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::distribute
