#include "core/compile/fused.h"

#include <algorithm>

namespace strata {

namespace {
Types output_types(const TileProgram& program) {
  const std::vector<DType> results = result_types(program);
  Types types;
  for (int o : program.outputs) types.push_back({results[static_cast<std::size_t>(o)], program.shape});
  return types;
}

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

Kernel FusedGroup::prepare(const CpuTarget& target, const Signature&) const {
  struct Part {
    Kernel kernel;
    Signature signature;
    std::size_t first_input, first_output;
  };
  auto parts = std::make_shared<std::vector<Part>>();
  Kernel all;
  std::size_t inputs = 0, outputs = 0;
  for (const TileProgram& p : programs) {
    Part part{prepare_tile_program(p, target), {p.inputs, output_types(p)}, inputs, outputs};
    all.scratch_bytes = std::max(all.scratch_bytes, part.kernel.scratch_bytes);
    for (const InPlace& pair : part.kernel.in_place)
      all.in_place.push_back({pair.input + static_cast<int>(inputs), pair.output + static_cast<int>(outputs)});
    inputs += part.signature.inputs.size();
    outputs += part.signature.outputs.size();
    parts->push_back(std::move(part));
  }
  all.run = [parts](Cpu& cpu, const Buffers& io) {
    for (const Part& p : *parts)
      p.kernel.run(cpu, Buffers(p.signature, io.in_raw() + p.first_input, io.out_raw() + p.first_output, io.scratch()));
  };
  return all;
}

std::string FusedGroup::describe() const {
  return std::to_string(programs.size()) + " x " + Fused{programs.at(0)}.describe();
}

}  // namespace strata
