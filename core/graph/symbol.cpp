#include "core/graph/symbol.h"

#include <array>

namespace strata {

Callable::~Callable() = default;

const Type& Symbol::type() const {
  if (!node_) throw Error("symbol", "is empty: it stands for no place in a model");
  return node_->types[static_cast<std::size_t>(index_)];
}

Symbol input_symbol(std::string name, Shape shape, DType dtype) {
  auto node = std::make_shared<SymbolNode>();
  node->types = {{dtype, std::move(shape)}};
  node->input_name = std::move(name);
  return Symbol(std::move(node), 0);
}

namespace {
// Large primes: no layer produces them from its own sizes by accident. One pair for each axis that may be open.
constexpr std::array<std::array<std::int64_t, 2>, 6> probes{
    {{1009, 1013}, {2003, 2011}, {3001, 3011}, {4001, 4003}, {5003, 5009}, {6007, 6011}}};

Values call_at(const std::shared_ptr<Callable>& callee, const Symbols& inputs, std::size_t which) {
  Values values;
  for (const Symbol& s : inputs) {
    Shape shape = s.shape();
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (shape[axis] == open_dim) shape[axis] = probes.at(static_cast<std::size_t>(axis))[which];
    values.push_back(placeholder(shape, s.dtype()));
  }
  return callee->call_on(values, Mode::infer);
}

Type merge(const Callable& callee, const Type& a, const Type& b) {
  Type merged = a;
  for (int axis = 0; axis < a.shape.rank(); ++axis) {
    if (a.shape[axis] == b.shape[axis]) continue;
    if (axis == 0 && (a.shape[0] != probes[0][0] || b.shape[0] != probes[0][1]))
      fail_expected(callee.class_name() + " '" + callee.name() + "'",
                    "an output whose first dimension is the batch size, or does not depend on it",
                    "a first dimension of " + std::to_string(a.shape[0]) + " at batch size " +
                        std::to_string(probes[0][0]) + " and " + std::to_string(b.shape[0]) + " at " +
                        std::to_string(probes[0][1]));
    merged.shape[axis] = open_dim;
  }
  return merged;
}
}  // namespace

Symbols call_symbols(const std::shared_ptr<Callable>& callee, const Symbols& inputs) {
  Shapes shapes;
  for (const Symbol& s : inputs) shapes.push_back(s.shape());
  callee->ensure_built(shapes);
  const Values first = call_at(callee, inputs, 0), second = call_at(callee, inputs, 1);
  auto node = std::make_shared<SymbolNode>();
  node->callee = callee;
  node->inputs = inputs;
  for (std::size_t i = 0; i < first.size(); ++i) node->types.push_back(merge(*callee, first[i].type(), second[i].type()));
  Symbols outputs;
  for (std::size_t i = 0; i < first.size(); ++i) outputs.emplace_back(node, static_cast<int>(i));
  return outputs;
}

}  // namespace strata
