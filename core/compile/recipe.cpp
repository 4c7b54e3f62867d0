#include "core/compile/recipe.h"

#include <algorithm>

#include "core/compile/cost.h"
#include "core/compile/scatter_gather.h"

namespace strata {

Program::Program(const Graph& g, const Schedule& schedule, const KernelOf& kernel_of) : graph(g) {
  for (const Update& u : g.updates) updating_.insert(u.value.node().get());
  for (const NodePtr& node : schedule.order) add(node, schedule, kernel_of(*node));
  for (const Value& v : roots(g))
    if (const std::size_t b = buffer_of(v); b != none) buffers[b].uses.push_back(steps.size());
}

std::size_t Program::buffer_of(const Value& v) const {
  const auto found = numbers_.find(v.node().get());
  return found == numbers_.end() ? none : steps[found->second].out[static_cast<std::size_t>(v.index())];
}

void Program::add(const NodePtr& node, const Schedule& schedule, const Kernel& kernel) {
  const std::size_t number = steps.size();
  const bool once = updating_.contains(node.get()) || is_exchange(node->op());  // replicas may repeat different things
  Step step{node, &kernel, {}, {}, !once, 0};
  for (const Value& v : node->inputs()) step.in.push_back(buffer_of(v));
  if (kernel.view) {
    step.out = {step.in[0]};
  } else {
    step.time = estimated_cost(*node).time();
    for (const std::size_t b : step.in)
      if (b != none && (buffers[b].uses.empty() || buffers[b].uses.back() != number)) buffers[b].uses.push_back(number);
    const auto in_place = schedule.in_place_updates.find(node.get());
    for (std::size_t j = 0; j < node->types().size(); ++j) {
      const bool in_variable = in_place != schedule.in_place_updates.end() && in_place->second[j] >= 0;
      step.out.push_back(in_variable ? none : buffers.size());
      if (!in_variable) buffers.push_back({node->types()[j].bytes(), number, {}});
    }
  }
  numbers_[node.get()] = number;
  steps.push_back(std::move(step));
}

Recipe::Recipe(const Program& program, const LetGo& let_go)
    : program_(program), let_go_(let_go), last_(program.buffers.size()), again_at_(program.steps.size(), none) {
  std::vector<std::pair<std::size_t, std::size_t>> wanted;  // first later use, buffer
  for (std::size_t b = 0; b < let_go.size(); ++b) {
    const Program::Buffer& buffer = program.buffers[b];
    const auto later = std::upper_bound(buffer.uses.begin(), buffer.uses.end(), let_go[b]);
    last_[b] = later == buffer.uses.begin() ? buffer.producer : *(later - 1);
    if (later != buffer.uses.end()) wanted.emplace_back(*later, b);
  }
  // Earlier wants first: what one of them makes again is there for those that follow.
  std::sort(wanted.begin(), wanted.end());
  for (const auto& [at, b] : wanted) provide(b, at, program.buffers[b].bytes / 16);
  std::vector<std::vector<std::size_t>> before(program.steps.size());
  for (std::size_t s = 0; s < program.steps.size(); ++s)
    if (again_at_[s] != none) before[again_at_[s]].push_back(s);
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    for (const std::size_t repeated : before[s]) items_.push_back({repeated, s, true});
    items_.push_back({s, s, false});
  }
}

double Recipe::repeated_time() const {
  double time = 0;
  for (const Item& item : items_)
    if (item.again) time += program_.steps[item.step].time;
  return time;
}

Use Recipe::use() const {
  Use most;
  each_use([&](const Item& item, std::size_t bytes) {
    if (bytes > most.peak) most = {bytes, 0, item.at};
    if (bytes == most.peak) ++most.moments;
  });
  return most;
}

std::size_t Recipe::use_at(std::size_t at) const {
  std::size_t most = 0;
  each_use([&](const Item& item, std::size_t bytes) {
    if (item.at == at) most = std::max(most, bytes);
  });
  return most;
}

/// Sees to it that the buffer can be read at step `at`: it lives until then, or is computed again. Small ones are
/// rather kept than made from something large.
void Recipe::provide(std::size_t buffer, std::size_t at, std::size_t small) {
  std::vector<std::size_t> wanted{buffer};
  while (!wanted.empty()) {
    const std::size_t b = wanted.back();
    wanted.pop_back();
    if (b == none || at <= last_[b]) continue;
    const std::size_t producer = program_.buffers[b].producer;
    if (again_at_[producer] != none) continue;
    if (let_go_[b] == none && (!program_.steps[producer].repeatable || program_.buffers[b].bytes <= small)) {
      last_[b] = at;
      continue;
    }
    again_at_[producer] = at;
    const std::vector<std::size_t>& in = program_.steps[producer].in;
    wanted.insert(wanted.end(), in.begin(), in.end());
  }
}

std::size_t Recipe::version(std::size_t buffer, std::size_t at) const {
  return second(buffer, at) ? last_.size() + buffer : buffer;
}

Recipe::Lives Recipe::lives_of_buffers() const {
  Lives lives{std::vector<std::size_t>(2 * last_.size(), none), std::vector<std::size_t>(2 * last_.size(), 0)};
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Program::Step& step = program_.steps[items_[i].step];
    if (step.kernel->view) continue;
    for (const std::size_t b : step.in)
      if (b != none) lives.last[version(b, items_[i].at)] = i;
    for (const std::size_t b : step.out) {
      if (b == none) continue;
      const std::size_t v = items_[i].again ? last_.size() + b : b;
      lives.first[v] = lives.last[v] = i;
    }
  }
  for (std::size_t b = 0; b < last_.size(); ++b)
    if (!program_.buffers[b].uses.empty() && program_.buffers[b].uses.back() == program_.steps.size())
      lives.last[b] = items_.size() - 1;
  return lives;
}

/// Bytes that item i does not take because it writes over an input that nothing reads after it.
std::size_t Recipe::saved_in_place(std::size_t i, const Lives& lives) const {
  const Program::Step& step = program_.steps[items_[i].step];
  std::size_t saved = 0;
  std::vector<bool> given(step.out.size()), taken(step.in.size());
  for (const InPlace& pair : step.kernel->in_place) {
    const auto in = static_cast<std::size_t>(pair.input), out = static_cast<std::size_t>(pair.output);
    const std::size_t from = step.in[in], to = step.out[out];
    if (from == none || to == none || given[out] || taken[in] || lives.last[version(from, items_[i].at)] != i) continue;
    if (program_.buffers[from].bytes != program_.buffers[to].bytes ||
        std::count(step.in.begin(), step.in.end(), from) != 1)
      continue;
    given[out] = taken[in] = true;
    saved += program_.buffers[to].bytes;
  }
  return saved;
}

void Recipe::each_use(const std::function<void(const Item&, std::size_t)>& f) const {
  const Lives lives = lives_of_buffers();
  std::vector<std::ptrdiff_t> change(items_.size() + 1, 0);
  for (std::size_t v = 0; v < lives.first.size(); ++v) {
    if (lives.first[v] == none) continue;
    const auto bytes = static_cast<std::ptrdiff_t>(program_.buffers[v % last_.size()].bytes);
    change[lives.first[v]] += bytes;
    change[lives.last[v] + 1] -= bytes;
  }
  std::ptrdiff_t alive = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    alive += change[i];
    f(items_[i], static_cast<std::size_t>(alive) + program_.steps[items_[i].step].kernel->scratch_bytes -
                     saved_in_place(i, lives));
  }
}

}  // namespace strata
