#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/device/tensor.h"
#include "core/graph/op.h"

namespace strata {

class Variable;
using NodePtr = std::shared_ptr<const Node>;

/// A node's output: a place in a graph with a concrete element type and shape. Cheap to copy; keeps the graph above it
/// alive. A default-made Value stands for "none".
class STRATA_API Value {
 public:
  Value() = default;
  Value(NodePtr node, int index) : node_(std::move(node)), index_(index) {}
  /// Reads the variable as it is before the step; within a layer's call in the element type that the layer computes in.
  Value(const Variable& variable);

  explicit operator bool() const { return node_ != nullptr; }
  const NodePtr& node() const { return node_; }
  int index() const { return index_; }
  inline const Type& type() const;
  const Shape& shape() const { return type().shape; }
  DType dtype() const { return type().dtype; }
  friend bool same(const Value& a, const Value& b) { return a.node_ == b.node_ && a.index_ == b.index_; }

 private:
  NodePtr node_;
  int index_ = 0;
};

/// Where a node comes from, for messages, plans and traces.
struct Origin {
  std::string layer;       ///< path of the layer that was being called, empty outside of layers
  bool gradient = false;   ///< made by a gradient rule
};

/// An op applied to values. Immutable.
class STRATA_API Node : public std::enable_shared_from_this<Node> {
 public:
  /// Infers the output types. Errors of the shape rule come out as `[op 'layer'] ...`.
  static NodePtr make(Op op, Values inputs);
  /// The same place in program order and the same origin as `like`, for passes that rewrite graphs.
  static NodePtr make_like(const Node& like, Op op, Values inputs);

  const Op& op() const { return op_; }
  const Values& inputs() const { return inputs_; }
  const Value& input(std::size_t i) const { return inputs_.at(i); }
  Value output(int i = 0) const { return Value(shared_from_this(), i); }
  const Types& types() const { return types_; }
  const Origin& origin() const { return origin_; }
  /// Position in program order: inputs have smaller numbers, except for equal ones after rewriting.
  std::uint64_t order() const { return order_; }
  /// `conv2d 'block1/conv'`
  std::string label() const;

 private:
  Node(Op op, Values inputs, Origin origin, std::uint64_t order);
  Op op_;
  Values inputs_;
  Types types_;
  Origin origin_;
  std::uint64_t order_;
};

/// An input of a Function, to be bound to a tensor of this type at each call.
STRATA_API Value placeholder(const Shape&, DType = DType::f32);
/// A tensor as part of a graph. It is not copied: do not change it afterwards.
STRATA_API Value constant(const Tensor&);
/// A scalar of the given type.
STRATA_API Value constant(double, DType = DType::f32);

/// Leaves of a graph.
struct Placeholder {
  Type type;
  static constexpr std::string_view name = "placeholder";
  Type infer(std::span<const Type>) const { return type; }
  Values vjp(const Node&, Value) const { return {}; }
  void run(Cpu&, Buffers) const {}
};
struct Constant {
  Tensor tensor;
  static constexpr std::string_view name = "constant";
  /// Small ones by content, large ones by identity.
  friend STRATA_API bool operator==(const Constant&, const Constant&);
  Type infer(std::span<const Type>) const { return tensor.type(); }
  Values vjp(const Node&, Value) const { return {}; }
  void run(Cpu&, Buffers) const {}
};
/// Whether the node has no kernel: a placeholder, a constant or a variable.
STRATA_API bool is_leaf(const Node&);

inline const Type& Value::type() const {
  if (!node_) throw Error("value", "is empty: it stands for no node of a graph");
  return node_->types()[static_cast<std::size_t>(index_)];
}

template <class T>
inline Values Op::Holder<T>::vjp(const Node& node, std::span<const Value> g) const {
  if constexpr (detail::SingleGradient<T>)
    return op.vjp(node, g[0]);
  else
    return op.vjp(node, g);
}

}  // namespace strata
