#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/compile/memory_planner.h"
#include "core/compile/plan.h"
#include "core/compile/rematerialize.h"
#include "core/compile/schedule.h"

namespace strata {

/// Turns a graph into steps with places: prepares kernels, orders them, decides which memory each value has. Keeps
/// references to what it is made of.
class PlanBuilder {
 public:
  PlanBuilder(const Values& inputs, const Graph& graph, const PlanOptions& options);
  /// For a graph whose nodes stand for those of an earlier builder's: the same kernels, in the places it wants.
  PlanBuilder(const Values& inputs, const Rematerialized& r, const PlanBuilder& earlier);
  std::shared_ptr<const Plan> build();
  /// The graph of this builder with less kept.
  Rematerialized with_arena_of(std::size_t bytes) const;
  Rematerialized with_less_if_cheap(double rate) const;

 private:
  /// One piece of memory. Views and kernels that work in place let several values share one.
  struct Buffer {
    Place::Kind kind;
    std::size_t index;
    Block block;
    int remaining_uses;        ///< of a whole, those of its parts, too
    std::size_t whole = none;  ///< the buffer that this one is a part of, if it is,
    std::size_t offset = 0;    ///< and where it begins there, bytes
  };
  /// A result that is made where a later node wants it: part `input` of that node's result.
  struct Claim {
    NodePtr node;
    std::size_t input;
  };
  /// An exchange that goes on beside the steps which are being added, and its buffers.
  struct InFlight {
    std::size_t step;
    std::vector<std::size_t> in, out;
  };

  using Key = std::pair<const Node*, int>;  // a node and which of its outputs
  struct KeyHash {
    std::size_t operator()(const Key& k) const {
      return std::hash<const void*>{}(k.first) * 31u + static_cast<std::size_t>(k.second);
    }
  };

  bool may_overwrite(const Node& node, int input, int output) const;
  void prepare_kernels();
  std::shared_ptr<const void> compile_tiles() const;
  Kernel prepare_for_gpu(const Node& node, const CpuTarget& processor, const Signature& s) const;

  int uses_of(const Value& v) const;
  static Key key(const Value& v);
  std::size_t new_buffer(Place::Kind kind, std::size_t index, const Value& v);
  std::size_t buffer_of(const Value& v);
  std::size_t variable_buffer(const Variable& variable, const Value& v);
  std::size_t part_of(std::size_t whole, std::size_t offset, const Value& v);
  void use(std::size_t buffer);
  void keep_until_now(std::size_t buffer);
  void claim_parts();

  void add_step(const Node& node);
  std::size_t output_buffer(const Node& node, int j, const std::vector<std::size_t>& in, std::vector<bool>& taken);
  Device device_of(const Kernel& kernel) const;

  void push_step(Kernel kernel, Signature signature, const std::vector<std::size_t>& in,
                 const std::vector<std::size_t>& out, std::string op, const Origin& origin);
  void push_copy(std::size_t from, std::size_t to, const Type& type, const std::string& op, const std::string& what);
  void add_final_copies();

  bool may_overlap() const;
  bool reads(const std::vector<std::size_t>& in, const InFlight& exchange) const;
  void push_wait(const InFlight& exchange);
  void end_exchanges();
  void end_exchanges_for(const std::vector<std::size_t>& in);

  void place_blocks();
  Place place(std::size_t b) const;

  const Graph& graph_;
  std::shared_ptr<Plan> plan_;
  const Rematerialized* rematerialized_ = nullptr;
  std::unordered_map<const Node*, std::size_t> inputs_;
  std::unordered_map<const Node*, Kernel> kernels_;
  std::unordered_map<const Node*, Signature> signatures_;
  std::unordered_map<const void*, std::size_t> variables_;
  Schedule schedule_;
  UseCounts uses_;
  std::vector<Buffer> buffers_;
  std::unordered_map<Key, std::size_t, KeyHash> buffer_of_;
  std::vector<std::pair<std::vector<std::size_t>, std::vector<std::size_t>>> step_buffers_;
  std::unordered_map<Key, Claim, KeyHash> claims_;
  std::unordered_map<const Node*, std::size_t> wholes_;  // buffers of results that parts of were made before
  std::vector<std::size_t> done_updates_;
  std::unordered_set<const Node*> go_on_;  // exchanges that go on beside the steps behind them
  std::vector<InFlight> in_flight_;        // of those, in their order
};

}  // namespace strata
