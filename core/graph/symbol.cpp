#include "core/graph/symbol.h"

#include <array>

#include "core/graph/flat_release.h"

namespace strata {

Callable::~Callable() = default;

const Type& Symbol::type() const {
  if (!node_) throw Error("symbol", "is empty: it stands for no place in a model");
  return node_->types[static_cast<std::size_t>(index_)];
}

Symbol input_symbol(std::string name, Shape shape, DType dtype) {
  std::shared_ptr<SymbolNode> node(new SymbolNode, FlatRelease<SymbolNode>());
  if (shape.rank() > 0) {
    node->input_batch = shape[0];
    shape[0] = open_dim;
  }
  node->types = {{dtype, std::move(shape)}};
  node->input_name = std::move(name);
  return Symbol(std::move(node), 0);
}

namespace {
// Large primes: no layer produces them from its own sizes by accident. One pair for each axis that may be open.
constexpr std::array<std::array<std::int64_t, 2>, 6> probes{
    {{1009, 1013}, {2003, 2011}, {3001, 3011}, {4001, 4003}, {5003, 5009}, {6007, 6011}}};

Value placeholder_at(const Symbol& s, std::size_t which) {
  Shape shape = s.shape();
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] == open_dim) {
      if (axis >= static_cast<int>(probes.size()))
        fail_expected("symbol", "open sizes among the first " + std::to_string(probes.size()) + " axes only",
                      to_string(s.shape()));
      shape[axis] = probes[static_cast<std::size_t>(axis)][which];
    }
  return placeholder(shape, s.dtype());
}

Values call_at(const SymbolNode& node, std::size_t which) {
  Values values;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    values.push_back(placeholder_at(node.inputs[i], which));
    if (i < node.masks.size() && node.masks[i].defined())
      values.back() = with_mask(values.back(), placeholder_at(node.masks[i], which));
  }
  return node.callee->call_on(values, Mode::infer);
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

Symbols call_symbols(const std::shared_ptr<Callable>& callee, const Symbols& inputs, const Symbols& masks) {
  Shapes shapes;
  for (const Symbol& s : inputs) shapes.push_back(s.shape());
  callee->ensure_built(shapes);
  const std::shared_ptr<SymbolNode> node(new SymbolNode, FlatRelease<SymbolNode>());
  node->callee = callee;
  node->inputs = inputs;
  node->masks = masks;
  const Values first = call_at(*node, 0), second = call_at(*node, 1);
  for (std::size_t i = 0; i < first.size(); ++i) node->types.push_back(merge(*callee, first[i].type(), second[i].type()));
  Symbols outputs;
  for (std::size_t i = 0; i < first.size(); ++i) outputs.emplace_back(node, static_cast<int>(i));
  return outputs;
}

}  // namespace strata
