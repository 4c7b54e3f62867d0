#include <fmt/format.h>

#include "core/compile/plan.h"

namespace strata {

namespace {
std::string place_text(const Place& p, const Plan& plan) {
  switch (p.kind) {
    case Place::Kind::arena: return fmt::format("@{}", p.offset);
    case Place::Kind::variable: return plan.variables()[p.index].path();
    case Place::Kind::constant: return fmt::format("constant {}", p.index);
    case Place::Kind::input: return fmt::format("input {}", p.index);
    case Place::Kind::output: break;
  }
  return fmt::format("output {}", p.index);
}

std::string arguments(const std::vector<Place>& places, const Types& types, const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < places.size(); ++i)
    text += fmt::format("{}{} {}", i ? ", " : "", to_string(types[i]), place_text(places[i], plan));
  return text;
}

std::string layer_text(const PlanStep& step) {
  return step.layer.empty() ? std::string("-") : step.layer + (step.gradient ? " (gradient)" : "");
}

std::string op_text(const PlanStep& step) {
  if (step.waits_for) return fmt::format("{} for {}", step.op, *step.waits_for);
  if (step.ends_at) return fmt::format("{} (until {})", step.op, *step.ends_at);
  return step.again ? step.op + " (again)" : step.op;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::size_t bytes_written(const PlanStep& step) {
  std::size_t bytes = 0;
  for (const Type& t : step.signature.outputs) bytes += t.bytes();
  return bytes;
}
}  // namespace

std::string describe(const Recomputation& r, std::size_t peak_bytes) {
  return fmt::format(
      "a step takes {} bytes instead of {}: {} operations are computed again, {:.1f} % of its estimated time",
      peak_bytes, r.bytes_without, r.operations, 100 * r.share);
}

std::string Plan::dump() const {
  std::string text = fmt::format("{} steps, arena {} bytes, {} variables, {} threads\n", steps_.size(), arena_bytes_,
                                 variables_.size(), threads_->threads());
  if (recomputation_) text += describe(*recomputation_, peak_bytes()) + "\n";
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const PlanStep& step = steps_[s];
    text +=
        fmt::format("{:4}  {:<28} {:<36} {} -> {}  [{} bytes, scratch {}]\n", s, layer_text(step), op_text(step),
                    arguments(step.in, step.signature.inputs, *this),
                    arguments(step.out, step.signature.outputs, *this), bytes_written(step), step.kernel.scratch_bytes);
  }
  return text;
}

std::string Plan::dump_graphviz() const {
  std::string text = "digraph plan {\n  rankdir=TB; node [shape=box, fontname=\"monospace\"];\n";
  // The last step that wrote each place; readers get an arrow from it.
  std::unordered_map<std::string, std::size_t> writer;
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const PlanStep& step = steps_[s];
    const PlanStep& result = step.waits_for ? steps_[*step.waits_for] : step;
    text += fmt::format("  s{} [label=\"{}\\n{}\\n{}\"];\n", s, escaped(op_text(step)), escaped(layer_text(step)),
                        escaped(to_string(result.signature.outputs[0])));
    if (step.waits_for) text += fmt::format("  s{} -> s{};\n", *step.waits_for, s);
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      const std::string place = place_text(step.in[i], *this);
      const std::string type = escaped(to_string(step.signature.inputs[i]));
      if (const auto from = writer.find(place); from != writer.end()) {
        text += fmt::format("  s{} -> s{} [label=\"{}\"];\n", from->second, s, type);
      } else {
        text += fmt::format("  \"{}\" [shape=ellipse];\n  \"{}\" -> s{} [label=\"{}\"];\n", escaped(place), escaped(place), s, type);
      }
    }
    for (const Place& p : result.out) writer[place_text(p, *this)] = s;
  }
  return text + "}\n";
}

}  // namespace strata
