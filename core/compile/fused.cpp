#include "core/compile/fused.h"

namespace strata {

namespace {
[[noreturn]] void fail_gradient(std::string_view name) {
  throw Error(name, "gradients are taken before fusing; a fused kernel has none");
}
}  // namespace

Types Fused::infer(std::span<const Type>) const { return output_types(program); }

Values Fused::vjp(const Node&, std::span<const Value>) const { fail_gradient(name); }

std::string Fused::describe() const {
  std::string text;
  for (const auto& code : program.code) text += (text.empty() ? "" : ", ") + std::string(code.op.name());
  return text;
}

Types FusedGroup::infer(std::span<const Type>) const {
  Types all;
  for (const TileProgram& p : programs)
    for (const Type& t : output_types(p)) all.push_back(t);
  return all;
}

Values FusedGroup::vjp(const Node&, std::span<const Value>) const { fail_gradient(name); }

std::string FusedGroup::describe() const {
  return std::to_string(programs.size()) + " x " + Fused{programs.at(0)}.describe();
}

std::vector<TileProgram> tile_programs_of(const Node& node) {
  if (const auto* fused = node.op().as<Fused>()) return {fused->program};
  if (const auto* group = node.op().as<FusedGroup>()) return group->programs;
  if (!node.op().is_elementwise() || node.types().size() != 1) return {};
  TileProgram p{node.types()[0].shape, {}, {{node.op(), {}}}, {0}};
  for (const Value& v : node.inputs()) {
    p.code[0].operands.push_back(static_cast<int>(p.inputs.size()));
    p.inputs.push_back(v.type());
  }
  return {p};
}

}  // namespace strata
