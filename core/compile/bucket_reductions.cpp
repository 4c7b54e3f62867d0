#include "core/compile/bucket_reductions.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "core/ops/all_reduce.h"

namespace strata {

namespace {
constexpr std::size_t alignment = 64;  // of what kernels work on

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// Calls copy(to, from, bytes) for every array that is not in its place, and clear(to, bytes) for what lies between
/// them.
template <class Copy, class Clear>
void bring_together(const SideBySide& op, const Buffers& io, Copy&& copy, Clear&& clear) {
  auto* whole = static_cast<std::byte*>(io.out_raw()[0]);
  if (op.offsets[0] > 0) clear(whole, op.offsets[0]);
  for (std::size_t i = 0; i < io.inputs(); ++i) {
    const std::size_t bytes = io.in_type(i).bytes(), begin = op.offsets[i];
    const std::size_t end = i + 1 < io.inputs() ? op.offsets[i + 1] : op.whole.bytes();
    if (bytes > 0 && io.in_raw()[i] != whole + begin) copy(whole + begin, io.in_raw()[i], bytes);
    if (begin + bytes < end) clear(whole + begin + bytes, end - begin - bytes);
  }
}
}  // namespace

Kernel SideBySide::prepare(const CpuTarget&, const Signature&) const {
  Kernel kernel;
  kernel.side_by_side = offsets;
  kernel.run = [op = *this](Cpu&, const Buffers& io) {
    bring_together(
        op, io, [](void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); },
        [](void* to, std::size_t bytes) { std::memset(to, 0, bytes); });
  };
  return kernel;
}

std::optional<Kernel> SideBySide::prepare(const CudaTarget&, const Signature&) const {
  Kernel kernel;
  kernel.side_by_side = offsets;
  kernel.launch = [op = *this](Cuda& gpu, const Buffers& io) {
    bring_together(
        op, io, [&](void* to, const void* from, std::size_t bytes) { cuda::copy(to, from, bytes, gpu.stream()); },
        [&](void* to, std::size_t bytes) { cuda::fill_bytes(to, 0, bytes, gpu.stream()); });
  };
  return kernel;
}

Kernel Part::prepare(const CpuTarget&, const Signature&) const {
  return {.run = {}, .in_place = {}, .view = true, .view_offset = offset};
}

namespace {
/// Sums that are formed together: nodes in program order, and where each begins.
struct Bucket {
  std::vector<NodePtr> members;
  std::vector<std::size_t> offsets;
  std::size_t bytes = 0;

  void add(const NodePtr& node) {
    members.push_back(node);
    offsets.push_back(bytes);
    bytes += aligned(node->types()[0].bytes());
  }
};

/// Which sums may share a bucket: those of one element type that equally many others come before on their longest way.
/// A path from one sum to another makes this number larger, so that there is none within a bucket, and none back to an
/// earlier one.
struct Kind {
  int sums_before = 0;
  DType dtype = DType::f32;
  auto operator<=>(const Kind&) const = default;
};

std::vector<Bucket> buckets_of(const Graph& g, const BucketSizes& sizes) {
  std::unordered_map<const Node*, int> sums_before;
  std::map<Kind, std::vector<NodePtr>> kinds;
  for (const NodePtr& node : nodes(g)) {
    int most = 0;
    for (const Value& v : node->inputs()) {
      const Node* in = v.node().get();
      const auto* sum = in->op().as<AllReduce>();
      most = std::max(most, sums_before.at(in) + (sum != nullptr && sum->deferred ? 1 : 0));
    }
    sums_before[node.get()] = most;
    if (const auto* sum = node->op().as<AllReduce>(); sum != nullptr && sum->deferred)
      kinds[{most, node->types()[0].dtype}].push_back(node);
  }
  std::vector<Bucket> all;
  for (auto& [kind, sums] : kinds) {
    std::stable_sort(sums.begin(), sums.end(), [](const NodePtr& a, const NodePtr& b) {
      return a->input(0).node()->order() < b->input(0).node()->order();
    });
    all.emplace_back();
    for (const NodePtr& sum : sums) {
      const std::size_t full = all.size() == 1 ? sizes.first : sizes.others;
      if (!all.back().members.empty() && all.back().bytes + sum->types()[0].bytes() > full) all.emplace_back();
      all.back().add(sum);
    }
  }
  return all;
}
/// Makes the graph anew with the sums of a bucket as one node. What a sum is needed for may come before another
/// member's operand in program order, so nodes are visited by what they depend on.
class Rewriter {
 public:
  explicit Rewriter(const std::vector<Bucket>& buckets) : buckets_(buckets), sums_(buckets.size()) {
    for (std::size_t b = 0; b < buckets.size(); ++b) {
      Values& operands = operands_.emplace_back();
      for (std::size_t i = 0; i < buckets[b].members.size(); ++i) {
        operands.push_back(buckets[b].members[i]->input(0));
        place_[buckets[b].members[i].get()] = {b, i};
      }
    }
  }

  Value renewed(const Value& v) {
    visit(v.node());
    return made_.at(v.node().get())[static_cast<std::size_t>(v.index())];
  }

 private:
  struct Visit {
    NodePtr node;
    std::size_t next = 0;
  };

  /// What the node waits for: a member of a bucket for the operands of all.
  const Values& needs(const Node& node) const {
    const auto member = place_.find(&node);
    return member == place_.end() ? node.inputs() : operands_[member->second.first];
  }

  void visit(const NodePtr& root) {
    std::vector<Visit> stack;
    if (!made_.contains(root.get())) stack.push_back({root});
    while (!stack.empty()) {
      Visit& top = stack.back();
      const Values& inputs = needs(*top.node);
      if (top.next < inputs.size()) {
        const NodePtr next = inputs[top.next++].node();
        if (!made_.contains(next.get())) stack.push_back({next});
        continue;
      }
      const NodePtr node = top.node;
      stack.pop_back();
      if (!made_.contains(node.get())) make(node, inputs);
    }
  }

  void make(const NodePtr& node, const Values& inputs) {
    Values now;
    for (const Value& v : inputs) now.push_back(made_.at(v.node().get())[static_cast<std::size_t>(v.index())]);
    Values& outputs = made_[node.get()];
    if (const auto member = place_.find(node.get()); member != place_.end()) {
      const auto [b, i] = member->second;
      if (!sums_[b]) sums_[b] = sum_of(buckets_[b], now);
      outputs = {Node::make_like(*node, Part{buckets_[b].offsets[i], node->types()[0]}, {sums_[b]})->output()};
      return;
    }
    const NodePtr kept = inputs.empty() ? node : Node::make_like(*node, node->op(), now);
    for (std::size_t i = 0; i < kept->types().size(); ++i) outputs.push_back(kept->output(static_cast<int>(i)));
  }

  /// In the place of the last operand, in program order.
  static Value sum_of(const Bucket& bucket, const Values& operands) {
    const Value& last = *std::max_element(operands.begin(), operands.end(), [](const Value& a, const Value& b) {
      return a.node()->order() < b.node()->order();
    });
    const DType dtype = last.dtype();
    const Type whole{dtype, {static_cast<std::int64_t>(bucket.bytes / size_of(dtype))}};
    const NodePtr together = Node::make_like(*last.node(), SideBySide{bucket.offsets, whole}, operands);
    return Node::make_like(*last.node(), AllReduce{}, {together->output()})->output();
  }

  const std::vector<Bucket>& buckets_;
  std::vector<Values> operands_;                                                // of each bucket, in the old graph
  Values sums_;                                                                 // of each bucket, in the new one
  std::unordered_map<const Node*, std::pair<std::size_t, std::size_t>> place_;  // bucket and number of a member
  std::unordered_map<const Node*, Values> made_;
};
}  // namespace

Graph bucket_reductions(const Graph& g, const BucketSizes& sizes) {
  const std::vector<Bucket> buckets = buckets_of(g, sizes);
  if (buckets.empty()) return g;
  Rewriter rewriter(buckets);
  Graph out;
  for (const Value& v : g.outputs) out.outputs.push_back(rewriter.renewed(v));
  for (const Update& u : g.updates) out.updates.push_back({u.variable, rewriter.renewed(u.value)});
  return out;
}

}  // namespace strata
