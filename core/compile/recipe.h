#pragma once

#include <functional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "core/compile/schedule.h"

namespace strata {

// The numbers that recomputation is tried out on: a scheduled graph, and what its memory comes to when some of its
// results are let go and computed again.

constexpr std::size_t none = static_cast<std::size_t>(-1);

/// What is asked about the nodes: their kernels.
using KernelOf = std::function<const Kernel&(const Node&)>;

/// A scheduled graph by numbers.
class Program {
 public:
  /// A piece of the arena: one result and its views. Results in variables' memory and leaves have none.
  struct Buffer {
    std::size_t bytes = 0;
    std::size_t producer = 0;       ///< a step
    std::vector<std::size_t> uses;  ///< steps in order, without views; the number of steps stands for the end
  };
  struct Step {
    NodePtr node;
    const Kernel* kernel = nullptr;
    std::vector<std::size_t> in, out;  ///< buffers, or none
    /// All but those that make the new value of a variable or exchange something with other replicas.
    bool repeatable = true;
    double time = 0;                   ///< Cost::time
  };

  Program(const Graph& graph, const Schedule& schedule, const KernelOf& kernel_of);

  const Graph& graph;
  std::vector<Step> steps;
  std::vector<Buffer> buffers;

 private:
  void add(const NodePtr& node, const Schedule& schedule, const Kernel& kernel);
  std::size_t buffer_of(const Value& v) const;

  std::unordered_map<const Node*, std::size_t> numbers_;
  std::unordered_set<const Node*> updating_;
};

/// For each buffer the step after which it is let go, to be computed again for later ones; none where it is kept.
using LetGo = std::vector<std::size_t>;

/// How much memory an order of steps takes at its worst moment; `moments` is how often it comes to that.
struct Use {
  std::size_t peak = 0, moments = 0, at = 0;  ///< `at`: the step of the first such moment
  bool less(const Use& other) const { return std::tie(peak, moments) < std::tie(other.peak, other.moments); }
};

/// What runs when, given what is let go: the steps as they were, and before some of them others once more. A buffer has
/// a first version, and a second one where its step is repeated. Keeps references to both arguments.
class Recipe {
 public:
  struct Item {
    std::size_t step, at;  ///< `at`: the step before which a repeated one runs, otherwise the step itself
    bool again;
  };

  Recipe(const Program& program, const LetGo& let_go);

  const std::vector<Item>& items() const { return items_; }
  /// Whether step `at`, or what runs again before it, reads the second version of the buffer.
  bool second(std::size_t buffer, std::size_t at) const { return buffer != none && at > last_[buffer]; }
  double repeated_time() const;
  /// Over all steps. Values and scratch are counted, gaps in the arena are not.
  Use use() const;
  /// Bytes at one step, with what runs again before it.
  std::size_t use_at(std::size_t step) const;

 private:
  /// First and last item of each buffer's first version, then of each buffer's second.
  struct Lives {
    std::vector<std::size_t> first, last;
  };

  void provide(std::size_t buffer, std::size_t at, std::size_t small);
  std::size_t version(std::size_t buffer, std::size_t at) const;
  Lives lives_of_buffers() const;
  std::size_t saved_in_place(std::size_t item, const Lives& lives) const;
  /// Calls f with every item and the bytes in use while it runs.
  void each_use(const std::function<void(const Item&, std::size_t bytes)>& f) const;

  const Program& program_;
  const LetGo& let_go_;
  std::vector<std::size_t> last_;      // of each buffer's first version: the last step that reads it
  std::vector<std::size_t> again_at_;  // of each step: before which it runs again, or none
  std::vector<Item> items_;
};

}  // namespace strata
