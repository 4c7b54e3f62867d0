#include "core/compile/plan_builder.h"

#include <algorithm>
#include <cstring>

#include "core/compile/cost.h"
#include "core/compile/fused.h"
#include "core/compile/overlap.h"
#include "core/compile/scatter_gather.h"

namespace strata {

namespace {
std::string describe(const Op& op) {
  if (const auto* fused = op.as<Fused>()) return "fused(" + fused->describe() + ")";
  if (const auto* group = op.as<FusedGroup>()) return "fused_group(" + group->describe() + ")";
  return std::string(op.name());
}
}  // namespace

PlanBuilder::PlanBuilder(const Values& inputs, const Graph& graph, const PlanOptions& options)
    : graph_(graph), plan_(new Plan) {
  plan_->options_ = options;
  plan_->threads_ = options.threads ? options.threads : ThreadPool::shared();
  for (const Value& v : inputs) {
    if (!v || !v.node()->op().as<Placeholder>()) throw Error("function", "an input is not a placeholder");
    inputs_[v.node().get()] = plan_->input_types_.size();
    plan_->input_types_.push_back(v.type());
  }
  for (const Value& v : graph.outputs) plan_->output_types_.push_back(v.type());
  for (const Update& u : graph.updates) plan_->written_.push_back(u.variable);
}

PlanBuilder::PlanBuilder(const Values& inputs, const Rematerialized& r, const PlanBuilder& earlier)
    : PlanBuilder(inputs, r.graph, earlier.plan_->options_) {
  rematerialized_ = &r;
  for (const auto& [node, original] : r.original) {
    kernels_.emplace(node, earlier.kernels_.at(original.get()));
    signatures_.emplace(node, earlier.signatures_.at(original.get()));
  }
  plan_->recomputation_ = {earlier.plan_->peak_bytes(), r.repeated.size(), r.repeated_time / r.total_time};
}

std::shared_ptr<const Plan> PlanBuilder::build() {
  if (rematerialized_ == nullptr) prepare_kernels();
  const auto is_view = [this](const Node& n) { return kernels_.at(&n).view; };
  const auto rules =
      ScheduleRules{[this](const Node& n, int in, int out) { return may_overwrite(n, in, out); }, is_view,
                    rematerialized_ == nullptr ? nullptr : &rematerialized_->places, may_overlap()};
  schedule_ = make_schedule(graph_, rules);
  if (rules.overlap) go_on_ = exchanges_that_go_on(schedule_.order, is_view);
  uses_ = count_uses(graph_);
  if (plan_->options_.reuse_memory) claim_parts();
  for (const NodePtr& node : schedule_.order) add_step(*node);
  add_final_copies();
  place_blocks();
  return plan_;
}

Rematerialized PlanBuilder::with_arena_of(std::size_t bytes) const {
  return rematerialize(
      graph_, schedule_, [this](const Node& n) -> const Kernel& { return kernels_.at(&n); }, bytes);
}

Rematerialized PlanBuilder::with_less_if_cheap(double rate) const {
  return rematerialize_if_cheap(
      graph_, schedule_, [this](const Node& n) -> const Kernel& { return kernels_.at(&n); }, rate);
}

bool PlanBuilder::may_overwrite(const Node& node, int input, int output) const {
  if (!plan_->options_.reuse_memory) return false;
  const auto& pairs = kernels_.at(&node).in_place;
  return std::any_of(pairs.begin(), pairs.end(),
                     [&](const InPlace& p) { return p.input == input && p.output == output; });
}

int PlanBuilder::uses_of(const Value& v) const {
  const auto it = uses_.find(v.node().get());
  return it == uses_.end() || it->second.empty() ? 0 : it->second[static_cast<std::size_t>(v.index())];
}

PlanBuilder::Key PlanBuilder::key(const Value& v) { return {v.node().get(), v.index()}; }

std::size_t PlanBuilder::new_buffer(Place::Kind kind, std::size_t index, const Value& v) {
  const std::size_t now = plan_->steps_.size();
  buffers_.push_back({kind, index, {v.type().bytes(), now, now, 0}, uses_of(v)});
  return buffers_.size() - 1;
}

std::size_t PlanBuilder::part_of(std::size_t whole, std::size_t offset, const Value& v) {
  const std::size_t part = new_buffer(buffers_[whole].kind, buffers_[whole].index, v);
  buffers_[part].whole = whole;
  buffers_[part].offset = offset;
  buffers_[whole].remaining_uses += buffers_[part].remaining_uses;
  return part;
}

/// Where kernels lay arrays side by side: those that nothing else needs are made there.
void PlanBuilder::claim_parts() {
  for (const NodePtr& node : schedule_.order)
    for (std::size_t i = 0; i < kernels_.at(node.get()).side_by_side.size(); ++i) {
      Value v = node->input(i);
      const auto is_view = [&] { return !is_leaf(*v.node()) && kernels_.at(v.node().get()).view; };
      const auto is_whole = [&] { return v.node()->input(0).type().bytes() == v.type().bytes(); };  // not a part
      while (is_view() && uses_of(v) == 1 && is_whole()) v = v.node()->input(0);
      const bool made_here = !is_leaf(*v.node()) && !is_view() && uses_of(v) == 1;
      if (made_here && !schedule_.in_place_updates.contains(v.node().get())) claims_[key(v)] = {node, i};
    }
}

/// The memory of a value that exists: of a node that ran, or of a leaf.
std::size_t PlanBuilder::buffer_of(const Value& v) {
  if (const auto it = buffer_of_.find(key(v)); it != buffer_of_.end()) return it->second;
  const Op& op = v.node()->op();
  std::size_t buffer = 0;
  if (const auto* read = op.as<ReadVariable>()) {
    buffer = variable_buffer(read->variable, v);
  } else if (const auto* c = op.as<Constant>()) {
    buffer = new_buffer(Place::Kind::constant, plan_->constants_.size(), v);
    plan_->constants_.push_back(c->tensor.to(plan_->options_.device));
  } else {
    const auto input = inputs_.find(v.node().get());
    if (input == inputs_.end())
      throw Error("function",
                  "the graph depends on a placeholder " + to_string(v.type()) + " that is not among its inputs");
    buffer = new_buffer(Place::Kind::input, input->second, v);
  }
  buffer_of_[key(v)] = buffer;
  return buffer;
}

std::size_t PlanBuilder::variable_buffer(const Variable& variable, const Value& v) {
  if (variable.value().device() != plan_->options_.device)
    throw Error("variable '" + variable.path() + "'",
                "lies on " + to_string(variable.value().device()) + ", but the step was to run on " +
                    to_string(plan_->options_.device) + ": make both under one DeviceScope");
  const auto [it, added] = variables_.try_emplace(variable.id(), plan_->variables_.size());
  if (added) plan_->variables_.push_back(variable);
  return new_buffer(Place::Kind::variable, it->second, v);
}

void PlanBuilder::use(std::size_t buffer) {
  --buffers_[buffer].remaining_uses;
  if (const std::size_t whole = buffers_[buffer].whole; whole != none) --buffers_[whole].remaining_uses;
  keep_until_now(buffer);
}

void PlanBuilder::keep_until_now(std::size_t buffer) {
  const std::size_t whole = buffers_[buffer].whole;
  buffers_[whole == none ? buffer : whole].block.last = plan_->steps_.size();
}

void PlanBuilder::add_step(const Node& node) {
  const Kernel& kernel = kernels_.at(&node);
  std::vector<std::size_t> in;
  for (const Value& v : node.inputs()) in.push_back(buffer_of(v));
  for (std::size_t b : in) use(b);
  if (kernel.view) {
    const Value out = node.output();
    if (kernel.view_offset != 0 || out.type().bytes() != buffers_[in[0]].block.bytes) {
      buffer_of_[key(out)] = part_of(in[0], kernel.view_offset, out);
      return;
    }
    buffers_[in[0]].remaining_uses += uses_of(out);
    if (const std::size_t whole = buffers_[in[0]].whole; whole != none) buffers_[whole].remaining_uses += uses_of(out);
    buffer_of_[key(out)] = in[0];
    return;
  }
  std::vector<bool> taken(in.size(), false);
  std::vector<std::size_t> out;
  for (int j = 0; j < static_cast<int>(node.types().size()); ++j) {
    out.push_back(output_buffer(node, j, in, taken));
    buffer_of_[{&node, j}] = out.back();
  }
  if (is_exchange(node.op()) && !go_on_.contains(&node)) end_exchanges();
  push_step(kernel, signatures_.at(&node), in, out, describe(node.op()), node.origin());
  plan_->steps_.back().flops = product_flops(node);
  plan_->steps_.back().again = rematerialized_ != nullptr && rematerialized_->repeated.contains(&node);
  if (go_on_.contains(&node)) in_flight_.push_back({plan_->steps_.size() - 1, in, out});
}

std::size_t PlanBuilder::output_buffer(const Node& node, int j, const std::vector<std::size_t>& in,
                                       std::vector<bool>& taken) {
  const Value v = node.output(j);
  const auto updates = schedule_.in_place_updates.find(&node);
  if (updates != schedule_.in_place_updates.end() && updates->second[static_cast<std::size_t>(j)] >= 0) {
    const auto u = static_cast<std::size_t>(updates->second[static_cast<std::size_t>(j)]);
    done_updates_.push_back(u);
    return variable_buffer(graph_.updates[u].variable, v);
  }
  for (std::size_t k = 0; k < graph_.outputs.size(); ++k)
    if (same(graph_.outputs[k], v)) return new_buffer(Place::Kind::output, k, v);
  if (const auto whole = wholes_.find(&node); whole != wholes_.end()) return whole->second;
  if (const auto claim = claims_.find(key(v)); claim != claims_.end()) {
    const Node* by = claim->second.node.get();
    const auto [whole, first] = wholes_.try_emplace(by, buffers_.size());
    if (first) new_buffer(Place::Kind::arena, 0, by->output());
    return part_of(whole->second, kernels_.at(by).side_by_side[claim->second.input], v);
  }
  if (plan_->options_.reuse_memory)
    for (const InPlace& pair : kernels_.at(&node).in_place) {
      const auto i = static_cast<std::size_t>(pair.input);
      if (pair.output != j || taken[i]) continue;
      Buffer& b = buffers_[in[i]];
      const bool once = std::count(in.begin(), in.end(), in[i]) == 1;
      if (b.kind != Place::Kind::arena || b.whole != none || b.remaining_uses != 0 ||
          b.block.bytes != v.type().bytes() || !once)
        continue;
      taken[i] = true;
      b.remaining_uses = uses_of(v);
      return in[i];
    }
  return new_buffer(Place::Kind::arena, 0, v);
}

Device PlanBuilder::device_of(const Kernel& kernel) const { return kernel.launch ? plan_->options_.device : Device{}; }

void PlanBuilder::push_step(Kernel kernel, Signature signature, const std::vector<std::size_t>& in,
                            const std::vector<std::size_t>& out, std::string op, const Origin& origin) {
  end_exchanges_for(in);
  for (const auto* buffers : {&in, &out})
    for (const std::size_t b : *buffers) keep_until_now(b);  // which waits may have moved on
  PlanStep step;
  step.device = plan_->on_gpu() ? device_of(kernel) : plan_->options_.device;
  step.kernel = std::move(kernel);
  step.signature = std::move(signature);
  step.op = std::move(op);
  step.layer = origin.layer;
  step.gradient = origin.gradient;
  step_buffers_.push_back({in, out});
  plan_->steps_.push_back(std::move(step));
}

void PlanBuilder::push_copy(std::size_t from, std::size_t to, const Type& type, const std::string& op,
                            const std::string& what) {
  Kernel copy;
  const std::size_t bytes = type.bytes();
  if (plan_->on_gpu())
    copy.launch = [bytes](Cuda& gpu, const Buffers& io) {
      cuda::copy(io.out_raw()[0], io.in_raw()[0], bytes, gpu.stream());
    };
  else
    copy.run = [bytes](Cpu&, const Buffers& io) {
      if (bytes > 0) std::memcpy(io.out_raw()[0], io.in_raw()[0], bytes);
    };
  keep_until_now(from);
  keep_until_now(to);
  push_step(std::move(copy), {{type}, {type}}, {from}, {to}, op, {what, false});
}

/// Outputs that no kernel wrote directly, then variables. Values that are a variable's old memory are saved first,
/// because another commit may overwrite it.
void PlanBuilder::add_final_copies() {
  for (std::size_t k = 0; k < graph_.outputs.size(); ++k) {
    const Value& v = graph_.outputs[k];
    const std::size_t from = buffer_of(v);
    if (buffers_[from].kind == Place::Kind::output && buffers_[from].index == k) continue;
    push_copy(from, new_buffer(Place::Kind::output, k, v), v.type(), "copy", "");
  }
  std::vector<std::pair<std::size_t, std::size_t>> commits;  // update, buffer
  for (std::size_t u = 0; u < graph_.updates.size(); ++u) {
    if (std::find(done_updates_.begin(), done_updates_.end(), u) != done_updates_.end()) continue;
    const Value& v = graph_.updates[u].value;
    std::size_t from = buffer_of(v);
    if (buffers_[from].kind == Place::Kind::variable) {
      const std::size_t saved = new_buffer(Place::Kind::arena, 0, v);
      push_copy(from, saved, v.type(), "copy", graph_.updates[u].variable.path());
      from = saved;
    }
    commits.emplace_back(u, from);
  }
  for (const auto& [u, from] : commits) {
    const Update& update = graph_.updates[u];
    push_copy(from, variable_buffer(update.variable, update.value), update.value.type(), "commit",
              update.variable.path());
  }
  end_exchanges();
  const std::size_t end = plan_->steps_.size();
  if (!plan_->options_.reuse_memory)
    for (Buffer& b : buffers_) b.block.first = 0, b.block.last = end;
}

void PlanBuilder::place_blocks() {
  std::vector<Block> blocks;
  std::vector<std::size_t> owner;
  for (std::size_t b = 0; b < buffers_.size(); ++b)
    if (buffers_[b].kind == Place::Kind::arena && buffers_[b].whole == none) {
      blocks.push_back(buffers_[b].block);
      owner.push_back(b);
    }
  const std::size_t values = blocks.size();
  for (std::size_t s = 0; s < plan_->steps_.size(); ++s) {
    const PlanStep& step = plan_->steps_[s];
    const bool elsewhere =
        step.device != plan_->options_.device;  // scratch of the processor's kernel is no memory of the GPU
    blocks.push_back({elsewhere ? 0 : step.kernel.scratch_bytes, s, step.ends_at.value_or(s), 0});
  }
  plan_->arena_bytes_ = plan_memory(blocks);
  for (std::size_t i = 0; i < values; ++i) buffers_[owner[i]].block.offset = blocks[i].offset;
  for (std::size_t s = 0; s < plan_->steps_.size(); ++s) {
    PlanStep& step = plan_->steps_[s];
    step.scratch_offset = blocks[values + s].offset;
    for (std::size_t b : step_buffers_[s].first) step.in.push_back(place(b));
    for (std::size_t b : step_buffers_[s].second) step.out.push_back(place(b));
  }
}

Place PlanBuilder::place(std::size_t b) const {
  if (buffers_[b].whole == none) return {buffers_[b].kind, buffers_[b].index, buffers_[b].block.offset};
  Place p = place(buffers_[b].whole);
  p.offset += buffers_[b].offset;
  return p;
}

}  // namespace strata
