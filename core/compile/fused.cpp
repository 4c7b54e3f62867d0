#include "core/compile/fused.h"

namespace strata {

Types Fused::infer(std::span<const Type>) const {
  const std::vector<DType> results = result_types(program);
  Types types;
  for (int o : program.outputs) types.push_back({results[static_cast<std::size_t>(o)], program.shape});
  return types;
}

Values Fused::vjp(const Node&, std::span<const Value>) const {
  throw Error(name, "gradients are taken before fusing; a fused kernel has none");
}

std::string Fused::describe() const {
  std::string text;
  for (const auto& code : program.code) text += (text.empty() ? "" : ", ") + std::string(code.op.name());
  return text;
}

}  // namespace strata
