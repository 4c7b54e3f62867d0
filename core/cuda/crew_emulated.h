#pragma once

#include <functional>

/// Only in builds with an emulated GPU.
namespace strata::cuda {

/// Members that wait for each other, as threads of a GPU do, on one thread of the processor: each has a stack of its
/// own and runs until it meets the others; then the next one's turn comes. Always in the order of their ranks, so runs
/// repeat.
class Crew {
 public:
  /// member(rank) for every rank in [0, size). What a member throws ends the others where they are and passes on; so
  /// does an Error when some end while others wait for them.
  static void run(int size, const std::function<void(int rank)>& member);
  /// For members: returns when all have called it.
  static void meet();
};

}  // namespace strata::cuda
