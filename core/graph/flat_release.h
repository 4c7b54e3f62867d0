#pragma once

#include <vector>

namespace strata {

/// Deletes objects that hold others of their kind in long chains, as nodes of a graph do: each lets go of the next one when
/// it is deleted, and that must not take the stack. What is let go of meanwhile waits for its turn.
template <class T>
struct FlatRelease {
  void operator()(const T* object) const {
    thread_local std::vector<const T*>* waiting = nullptr;  // of the outermost call
    if (waiting) {
      waiting->push_back(object);
      return;
    }
    std::vector<const T*> queue{object};
    waiting = &queue;
    while (!queue.empty()) {
      const T* const next = queue.back();
      queue.pop_back();
      delete next;
    }
    waiting = nullptr;
  }
};

}  // namespace strata
