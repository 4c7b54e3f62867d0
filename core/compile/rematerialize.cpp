#include "core/compile/rematerialize.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/compile/cost.h"

namespace strata {

namespace {
constexpr std::size_t none = static_cast<std::size_t>(-1);

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
  bool repeatable = true;
  double time = 0;
};

/// The scheduled graph by numbers.
class Program {
 public:
  Program(const Graph& g, const Schedule& schedule, const KernelOf& kernel_of) : graph(g) {
    for (const Update& u : g.updates) updating_.insert(u.value.node().get());
    for (const NodePtr& node : schedule.order) add(node, schedule, kernel_of(*node));
    for (const Value& v : roots(g))
      if (const std::size_t b = buffer_of(v); b != none) buffers[b].uses.push_back(steps.size());
  }

  std::size_t buffer_of(const Value& v) const {
    const auto found = numbers_.find(v.node().get());
    return found == numbers_.end() ? none : steps[found->second].out[static_cast<std::size_t>(v.index())];
  }

  const Graph& graph;
  std::vector<Step> steps;
  std::vector<Buffer> buffers;

 private:
  void add(const NodePtr& node, const Schedule& schedule, const Kernel& kernel) {
    const std::size_t number = steps.size();
    Step step{node, &kernel, {}, {}, !updating_.contains(node.get()), 0};
    for (const Value& v : node->inputs()) step.in.push_back(buffer_of(v));
    if (kernel.view) {
      step.out = {step.in[0]};
    } else {
      step.time = estimated_cost(*node).time();
      for (const std::size_t b : step.in)
        if (b != none && (buffers[b].uses.empty() || buffers[b].uses.back() != number))
          buffers[b].uses.push_back(number);
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

  std::unordered_map<const Node*, std::size_t> numbers_;
  std::unordered_set<const Node*> updating_;
};

/// For each buffer the step after which it is let go, to be computed again for later ones; none where it is kept.
using LetGo = std::vector<std::size_t>;

/// What is let go so far, and what has to be kept.
struct Choice {
  LetGo let_go;
  std::vector<bool> kept;
};

/// How much memory an order of steps takes at its worst moment; `moments` is how often it comes to that.
struct Use {
  std::size_t peak = 0, moments = 0, at = 0;  ///< `at`: the step of the first such moment
  bool less(const Use& other) const { return std::tie(peak, moments) < std::tie(other.peak, other.moments); }
};

/// What runs when, given what is let go: the steps as they were, and before some of them others once more.
class Recipe {
 public:
  struct Item {
    std::size_t step, at;  ///< `at`: the step before which a repeated one runs, otherwise the step itself
    bool again;
  };

  Recipe(const Program& program, const LetGo& let_go)
      : program_(program), let_go_(let_go), last_(program.buffers.size()), again_at_(program.steps.size(), none) {
    std::vector<std::pair<std::size_t, std::size_t>> wanted;  // first later use, buffer
    for (std::size_t b = 0; b < let_go.size(); ++b) {
      const Buffer& buffer = program.buffers[b];
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

  const std::vector<Item>& items() const { return items_; }
  /// Whether step `at`, or what runs again before it, reads the second version of the buffer.
  bool second(std::size_t buffer, std::size_t at) const { return buffer != none && at > last_[buffer]; }

  double repeated_time() const {
    double time = 0;
    for (const Item& item : items_)
      if (item.again) time += program_.steps[item.step].time;
    return time;
  }

  /// Over all steps, and at one step with what runs again before it.
  Use use() const {
    Use most;
    each_use([&](const Item& item, std::size_t bytes) {
      if (bytes > most.peak) most = {bytes, 0, item.at};
      if (bytes == most.peak) ++most.moments;
    });
    return most;
  }
  std::size_t use_at(std::size_t at) const {
    std::size_t most = 0;
    each_use([&](const Item& item, std::size_t bytes) {
      if (item.at == at) most = std::max(most, bytes);
    });
    return most;
  }

 private:
  /// First and last item of each buffer's first version, then of each buffer's second.
  struct Lives {
    std::vector<std::size_t> first, last;
  };

  /// Calls f with every item and the bytes in use while it runs.
  template <class F>
  void each_use(const F& f) const {
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

  /// Sees to it that the buffer can be read at step `at`: it lives until then, or is computed again. Small ones are
  /// rather kept than made from something large.
  void provide(std::size_t b, std::size_t at, std::size_t small) {
    if (b == none || at <= last_[b]) return;
    const std::size_t producer = program_.buffers[b].producer;
    if (again_at_[producer] != none) return;
    if (let_go_[b] == none && (!program_.steps[producer].repeatable || program_.buffers[b].bytes <= small)) {
      last_[b] = at;
      return;
    }
    again_at_[producer] = at;
    for (const std::size_t in : program_.steps[producer].in) provide(in, at, small);
  }

  std::size_t version(std::size_t buffer, std::size_t at) const {
    return second(buffer, at) ? last_.size() + buffer : buffer;
  }

  Lives lives_of_buffers() const {
    Lives lives{std::vector<std::size_t>(2 * last_.size(), none), std::vector<std::size_t>(2 * last_.size(), 0)};
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const Step& step = program_.steps[items_[i].step];
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
  std::size_t saved_in_place(std::size_t i, const Lives& lives) const {
    const Step& step = program_.steps[items_[i].step];
    std::size_t saved = 0;
    std::vector<bool> given(step.out.size()), taken(step.in.size());
    for (const InPlace& pair : step.kernel->in_place) {
      const auto in = static_cast<std::size_t>(pair.input), out = static_cast<std::size_t>(pair.output);
      const std::size_t from = step.in[in], to = step.out[out];
      if (from == none || to == none || given[out] || taken[in] || lives.last[version(from, items_[i].at)] != i)
        continue;
      if (program_.buffers[from].bytes != program_.buffers[to].bytes ||
          std::count(step.in.begin(), step.in.end(), from) != 1)
        continue;
      given[out] = taken[in] = true;
      saved += program_.buffers[to].bytes;
    }
    return saved;
  }

  const Program& program_;
  const LetGo& let_go_;
  std::vector<std::size_t> last_;      // of each buffer's first version: the last step that reads it
  std::vector<std::size_t> again_at_;  // of each step: before which it runs again, or none
  std::vector<Item> items_;
};

/// Buffers that live over step `at` without being read by it and can be computed again, the most promising first.
std::vector<std::size_t> candidates(const Program& program, const Choice& choice, const Use& now) {
  const std::size_t too_small = now.peak / 512;
  std::vector<std::size_t> found;
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const Buffer& buffer = program.buffers[b];
    if (choice.let_go[b] != none || choice.kept[b] || buffer.bytes <= too_small || buffer.producer >= now.at ||
        buffer.uses.empty())
      continue;
    if (!program.steps[buffer.producer].repeatable || buffer.uses.back() == program.steps.size()) continue;
    const auto next = std::lower_bound(buffer.uses.begin(), buffer.uses.end(), now.at);
    if (next != buffer.uses.end() && *next != now.at) found.push_back(b);
  }
  const auto time_per_byte = [&](std::size_t b) {
    return program.steps[program.buffers[b].producer].time / static_cast<double>(program.buffers[b].bytes);
  };
  std::stable_sort(found.begin(), found.end(),
                   [&](std::size_t a, std::size_t b) { return time_per_byte(a) < time_per_byte(b); });
  return found;
}

/// How the buffers that lower the peak compare: by the time that letting one go adds for each of its bytes, or by that
/// divided by how long it lies unused. The second finds its way further: what lies longest is made again when the
/// memory is empty.
enum class Measure { time, time_by_age };

/// Steps between the last use of a buffer before `at` and the first one after it.
double age(const Buffer& buffer, std::size_t at) {
  const auto next = std::lower_bound(buffer.uses.begin(), buffer.uses.end(), at);
  const std::size_t before = next == buffer.uses.begin() ? buffer.producer : *(next - 1);
  return static_cast<double>(*next - before);
}

/// One more buffer to let go, and after which step; false when none lowers the peak.
bool let_one_go(const Program& program, Choice& choice, const Recipe& recipe, Measure measure) {
  constexpr int most_tried = 32;  // the rest would add more time
  LetGo& let_go = choice.let_go;
  const Use now = recipe.use();
  const double time = recipe.repeated_time();
  std::size_t best = none;
  double best_cost = 0;
  int tried = 0;
  for (const std::size_t b : candidates(program, choice, now)) {
    let_go[b] = now.at;
    const Recipe with(program, let_go);
    const bool helps = with.use().less(now);
    double cost = (with.repeated_time() - time) / static_cast<double>(program.buffers[b].bytes);
    if (measure == Measure::time_by_age) cost /= age(program.buffers[b], now.at);
    let_go[b] = none;
    if (!helps) continue;
    if (best == none || cost < best_cost) best = b, best_cost = cost;
    if (++tried == most_tried) break;
  }
  if (best != none) let_go[best] = now.at;
  return best != none;
}

/// Keeps, for good, the one of those let go that takes most from the peak, whatever that does elsewhere; false when
/// none does. Where a long run of steps is repeated at once, this is what cuts it in two.
bool keep_one(const Program& program, Choice& choice, const Recipe& recipe) {
  const std::size_t at = recipe.use().at;
  std::size_t least = recipe.use_at(at), found = none;
  for (std::size_t b = 0; b < choice.let_go.size(); ++b) {
    if (choice.let_go[b] == none) continue;
    const std::size_t after = std::exchange(choice.let_go[b], none);
    if (const std::size_t bytes = Recipe(program, choice.let_go).use_at(at); bytes < least) least = bytes, found = b;
    choice.let_go[b] = after;
  }
  if (found == none) return false;
  choice.let_go[found] = none;
  choice.kept[found] = true;
  return true;
}

/// Down to the target, or as far as it goes.
LetGo let_go_until(const Program& program, std::size_t target, Measure measure) {
  constexpr int most_in_vain = 8;  // times that one is kept without a lower peak to follow
  Choice choice{LetGo(program.buffers.size(), none), std::vector<bool>(program.buffers.size(), false)};
  LetGo best = choice.let_go;
  Use least = Recipe(program, best).use();
  for (int in_vain = 0; in_vain < most_in_vain;) {
    const Recipe recipe(program, choice.let_go);
    if (const Use use = recipe.use(); use.less(least)) {
      least = use;
      best = choice.let_go;
      in_vain = 0;
    }
    if (least.peak <= target) break;
    if (let_one_go(program, choice, recipe, measure)) continue;
    if (!keep_one(program, choice, recipe)) break;
    ++in_vain;
  }
  return best;
}

/// Makes the graph that a recipe describes.
class Builder {
 public:
  Builder(const Program& program, const Recipe& recipe) : program_(program), recipe_(recipe) {}

  Rematerialized build() {
    for (const Recipe::Item& item : recipe_.items()) make(item);
    for (const Value& v : program_.graph.outputs) out_.graph.outputs.push_back(kept(v));
    for (const Update& u : program_.graph.updates) out_.graph.updates.push_back({u.variable, kept(u.value)});
    for (const Step& step : program_.steps) out_.total_time += step.time;
    out_.repeated_time = recipe_.repeated_time();
    out_.estimated_bytes = recipe_.use().peak;
    return std::move(out_);
  }

 private:
  void make(const Recipe::Item& item) {
    const Step& step = program_.steps[item.step];
    Values inputs;
    bool changed = item.again;
    for (std::size_t k = 0; k < step.in.size(); ++k) {
      const Value& v = step.node->input(k);
      inputs.push_back(!step.kernel->view && recipe_.second(step.in[k], item.at) ? repeated(v, item.at) : kept(v));
      changed = changed || !same(inputs.back(), v);
    }
    const NodePtr node = changed ? Node::make_like(*step.node, step.node->op(), std::move(inputs)) : step.node;
    (item.again ? again_ : made_)[step.node.get()] = note(node, step.node, item.at);
    if (item.again) out_.repeated.insert(node.get());
  }

  const NodePtr& note(const NodePtr& node, const NodePtr& original, std::size_t at) {
    out_.original[node.get()] = original;
    out_.places[node.get()] = at;
    return node;
  }

  Value kept(const Value& v) const {
    const auto found = made_.find(v.node().get());
    return found == made_.end() ? v : found->second->output(v.index());
  }

  /// The second version of a value; views of it are made as they are wanted.
  Value repeated(const Value& v, std::size_t at) {
    const auto found = again_.find(v.node().get());
    if (found != again_.end()) return found->second->output(v.index());
    Values inputs{repeated(v.node()->input(0), at)};
    for (std::size_t k = 1; k < v.node()->inputs().size(); ++k) inputs.push_back(kept(v.node()->input(k)));
    again_[v.node().get()] = note(Node::make_like(*v.node(), v.node()->op(), std::move(inputs)), v.node(), at);
    return again_.at(v.node().get())->output(v.index());
  }

  const Program& program_;
  const Recipe& recipe_;
  std::unordered_map<const Node*, NodePtr> made_, again_;
  Rematerialized out_;
};
}  // namespace

Rematerialized rematerialize(const Graph& graph, const Schedule& schedule, const KernelOf& kernel_of,
                             std::size_t target) {
  const Program program(graph, schedule, kernel_of);
  const LetGo by_time = let_go_until(program, target, Measure::time),
              by_age = let_go_until(program, target, Measure::time_by_age);
  const Recipe first(program, by_time), second(program, by_age);
  // What is below the target is equally good.
  const auto rank = [&](const Recipe& r) { return std::pair(std::max(r.use().peak, target), r.repeated_time()); };
  return Builder(program, rank(second) < rank(first) ? second : first).build();
}

}  // namespace strata
