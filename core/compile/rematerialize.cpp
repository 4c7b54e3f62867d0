#include "core/compile/rematerialize.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace strata {

namespace {
/// What is let go so far, and what has to be kept.
struct Choice {
  LetGo let_go;
  std::vector<bool> kept;
};

/// Buffers that live over step `at` without being read by it and can be computed again, the most promising first.
std::vector<std::size_t> candidates(const Program& program, const Choice& choice, const Use& now) {
  const std::size_t too_small = now.peak / 512;
  std::vector<std::size_t> found;
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    const Program::Buffer& buffer = program.buffers[b];
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
double age(const Program::Buffer& buffer, std::size_t at) {
  const auto next = std::lower_bound(buffer.uses.begin(), buffer.uses.end(), at);
  const std::size_t before = next == buffer.uses.begin() ? buffer.producer : *(next - 1);
  return static_cast<double>(*next - before);
}

/// One more buffer to let go, and after which step; false when none lowers the peak and repeats at most `most_time`.
bool let_one_go(const Program& program, Choice& choice, const Recipe& recipe, Measure measure, double most_time) {
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
    if (!helps || with.repeated_time() > most_time) continue;
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
    if (let_one_go(program, choice, recipe, measure, std::numeric_limits<double>::infinity())) continue;
    if (!keep_one(program, choice, recipe)) break;
    ++in_vain;
  }
  return best;
}

double total_time(const Program& program) {
  double time = 0;
  for (const Program::Step& step : program.steps) time += step.time;
  return time;
}

/// As far as it is worth its time: the recipe on the way down that saves the most, where a share of the step's time
/// counts `rate` times what the same share of the memory does.
LetGo let_go_while_worth_it(const Program& program, double rate) {
  Choice choice{LetGo(program.buffers.size(), none), std::vector<bool>(program.buffers.size(), false)};
  LetGo best = choice.let_go;
  const double time = total_time(program), bytes = static_cast<double>(Recipe(program, best).use().peak);
  double least = 1;  // the share of the memory that is left, with the time at its rate
  for (;;) {
    const Recipe recipe(program, choice.let_go);
    const double price = static_cast<double>(recipe.use().peak) / bytes + rate * recipe.repeated_time() / time;
    if (price < least) least = price, best = choice.let_go;
    if (price > 1 || !let_one_go(program, choice, recipe, Measure::time_by_age, time / rate)) break;
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
    out_.total_time = total_time(program_);
    out_.repeated_time = recipe_.repeated_time();
    out_.estimated_bytes = recipe_.use().peak;
    return std::move(out_);
  }

 private:
  void make(const Recipe::Item& item) {
    const Program::Step& step = program_.steps[item.step];
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

Rematerialized rematerialize_if_cheap(const Graph& graph, const Schedule& schedule, const KernelOf& kernel_of,
                                      double rate) {
  const Program program(graph, schedule, kernel_of);
  const LetGo let_go = let_go_while_worth_it(program, rate);
  return Builder(program, Recipe(program, let_go)).build();
}

}  // namespace strata
