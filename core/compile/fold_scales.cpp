#include "core/compile/graph.h"
#include "core/ops/ops.h"

namespace strata {

namespace {
/// A value before this pass and what it has become.
struct Both {
  Value before, after;
  const Op& op() const { return before.node()->op(); }
  const Type& type() const { return before.type(); }
  Both input(std::size_t i) const { return {before.node()->input(i), after.node()->input(i)}; }
};

/// The operands of a binary op: an image of the result's type that nobody else uses, and a vector over its last axis.
struct ImageAndVector {
  Both image;
  Value vector;
};
template <class BinaryOp>
std::optional<ImageAndVector> operands(const Both& v, const UseCounts& uses) {
  if (!v.op().as<BinaryOp>() || !v.after.node()->op().as<BinaryOp>()) return std::nullopt;
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    const Both image = v.input(side), vector = v.input(1 - side);
    const bool once = uses.at(image.before.node().get())[static_cast<std::size_t>(image.before.index())] == 1;
    if (image.type() == v.type() && vector.type() == Type{v.type().dtype, {v.type().shape.back()}} && once)
      return ImageAndVector{image, vector.after};
  }
  return std::nullopt;
}

/// (convolution (+ bias)) * scale + shift; in mixed precision the convolution is in 16 bits and the rest in f32.
struct ScaledConv {
  Value conv, scale, shift, bias;  ///< bias: empty where there is none
};
std::optional<ScaledConv> match(const Both& sum, const UseCounts& uses) {
  const auto shifted = operands<Add>(sum, uses);
  const auto scaled = shifted ? operands<Multiply>(shifted->image, uses) : std::nullopt;
  if (!scaled) return std::nullopt;
  Both conv = scaled->image;
  Value bias;
  const auto once = [&](const Both& v) { return uses.at(v.before.node().get())[0] == 1; };
  if (conv.op().as<Cast>()) conv = conv.input(0);
  if (!once(conv)) return std::nullopt;
  if (const auto biased = operands<Add>(conv, uses)) conv = biased->image, bias = biased->vector;
  const auto* op = conv.op().as<Conv2D>();
  if (op == nullptr || op->epilogue != Epilogue{}) return std::nullopt;
  // Scaling the kernel must cost less than scaling the image.
  if (2 * conv.type().shape.elements() < 3 * conv.input(1).type().shape.elements()) return std::nullopt;
  return ScaledConv{conv.after, scaled->vector, shifted->vector, bias};
}

class Folding {
 public:
  Folding(const Node& place, const ScaledConv& c) : place_(place), c_(c), wide_(c.scale.dtype()) {}

  /// The same number: a convolution with a scaled kernel, and a bias.
  Value result() const {
    const Node& conv = *c_.conv.node();
    Value kernel = conv.input(1), bias = c_.shift;
    if (kernel.dtype() != wide_ && kernel.node()->op().as<Cast>())
      kernel = kernel.node()->input(0);  // not rounded twice
    kernel = as(conv.input(1).dtype(), make(Multiply{}, {as(wide_, kernel), c_.scale}));
    if (c_.bias) bias = make(Add{}, {bias, make(Multiply{}, {as(wide_, c_.bias), c_.scale})});
    const Value product = make(conv.op(), {conv.input(0), kernel});
    return as(wide_, make(Add{}, {product, as(product.dtype(), bias)}));
  }

 private:
  Value make(Op op, Values inputs) const { return Node::make_like(place_, std::move(op), std::move(inputs))->output(); }
  Value as(DType type, const Value& v) const { return v.dtype() == type ? v : make(Cast{type}, {v}); }

  const Node& place_;
  const ScaledConv& c_;
  DType wide_;
};
}  // namespace

Graph fold_scales(const Graph& g) {
  const UseCounts uses = count_uses(g);
  return rewrite(g, [&](const NodePtr& node, const Values& in) -> std::optional<Values> {
    if (!node->op().as<Add>() || node->types()[0].shape.rank() != 4) return std::nullopt;
    const Both sum{node->output(), Node::make_like(*node, node->op(), in)->output()};
    const auto found = match(sum, uses);
    if (!found) return std::nullopt;
    return Values{Folding(*node, *found).result()};
  });
}

}  // namespace strata
