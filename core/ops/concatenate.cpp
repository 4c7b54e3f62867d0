#include "core/ops/concatenate.h"

#include "core/ops/repeat.h"
#include "core/ops/strided_copy.h"

namespace strata {

namespace {
/// How each piece moves to (`joining`) or from its place in the whole.
Moves moves_of(const Types& pieces, const Type& whole, int axis, bool joining) {
  const std::size_t element = size_of(whole.dtype);
  const auto whole_strides = row_major_strides(whole.shape);
  Moves moves;
  std::int64_t at = 0;
  for (const Type& piece : pieces) {
    const auto strides = row_major_strides(piece.shape);
    const auto place = static_cast<std::size_t>(at * whole_strides[static_cast<std::size_t>(axis)]) * element;
    const auto number = static_cast<int>(moves.pieces.size());
    if (joining)
      moves.pieces.push_back(
          {.input = number, .to = place, .copy = StridedCopy(element, piece.shape.dims(), strides, whole_strides)});
    else
      moves.pieces.push_back(
          {.output = number, .from = place, .copy = StridedCopy(element, piece.shape.dims(), whole_strides, strides)});
    at += piece.shape[axis];
  }
  return moves;
}

Moves split_moves(const Signature& s, std::int64_t axis) {
  return moves_of(s.outputs, s.inputs[0], normalize_axis(axis, s.inputs[0].shape.rank(), Split::name), false);
}

Moves joining_moves(const Signature& s, std::int64_t axis) {
  if (s.inputs.size() == 1) return {.view = true};
  return moves_of(s.inputs, s.outputs[0], normalize_axis(axis, s.outputs[0].shape.rank(), Concatenate::name), true);
}

/// Pieces without a gradient count as zero.
Values joined(const Node& node, std::span<const Value> g, std::int64_t axis) {
  Values pieces;
  for (std::size_t i = 0; i < node.types().size(); ++i)
    pieces.push_back(g[i] ? g[i] : broadcast_to(constant(0.0, node.types()[i].dtype), node.types()[i].shape));
  return {concatenate(pieces, axis)};
}

template <class List>
auto stacked(const List& parts, std::int64_t axis) {
  List expanded;
  for (const auto& part : parts) expanded.push_back(expand_dims(part, axis));
  return concatenate(expanded, axis);
}
}  // namespace

Type Concatenate::infer(std::span<const Type> in) const {
  if (in.empty()) throw Error(name, "expected at least one input; received none");
  const int a = normalize_axis(axis, in[0].shape.rank(), name);
  Type result = in[0];
  for (const Type& t : in.subspan(1)) {
    Shape other = t.shape;
    if (other.rank() == result.shape.rank()) other[a] = in[0].shape[a];
    if (other != in[0].shape || t.dtype != result.dtype)
      fail_expected(name, "inputs of one type except for the size of axis " + std::to_string(a),
                    to_string(in[0]) + " and " + to_string(t));
    result.shape[a] += t.shape[a];
  }
  return result;
}

Values Concatenate::vjp(const Node& node, Value g) const {
  std::vector<std::int64_t> sizes;
  for (const Value& v : node.inputs()) sizes.push_back(v.shape()[axis]);
  return split(g, sizes, axis);
}

Kernel Concatenate::prepare(const CpuTarget& target, const Signature& s) const {
  return joining_moves(s, axis).on(target);
}
std::optional<Kernel> Concatenate::prepare(const CudaTarget& target, const Signature& s) const {
  return joining_moves(s, axis).on(target);
}

Types Split::infer(std::span<const Type> in) const {
  const int a = normalize_axis(axis, in[0].shape.rank(), name);
  std::int64_t total = 0;
  Types result;
  for (std::int64_t size : sizes) {
    require(size >= 0, name, "expected sizes of at least 0; received " + std::to_string(size));
    total += size;
    result.push_back(in[0]);
    result.back().shape[a] = size;
  }
  if (total != in[0].shape[a])
    fail_expected(name, "sizes that sum to " + std::to_string(in[0].shape[a]), std::to_string(total));
  return result;
}
Values Split::vjp(const Node& node, std::span<const Value> g) const { return joined(node, g, axis); }
Kernel Split::prepare(const CpuTarget& target, const Signature& s) const { return split_moves(s, axis).on(target); }
std::optional<Kernel> Split::prepare(const CudaTarget& target, const Signature& s) const {
  return split_moves(s, axis).on(target);
}

Types SplitEqually::infer(std::span<const Type> in) const {
  const int a = normalize_axis(axis, in[0].shape.rank(), name);
  if (parts < 1 || in[0].shape[a] % parts != 0)
    fail_expected(name, "a number of parts that divides " + std::to_string(in[0].shape[a]), std::to_string(parts));
  Type piece = in[0];
  piece.shape[a] /= parts;
  return Types(static_cast<std::size_t>(parts), piece);
}
Values SplitEqually::vjp(const Node& node, std::span<const Value> g) const { return joined(node, g, axis); }
Kernel SplitEqually::prepare(const CpuTarget& target, const Signature& s) const {
  return split_moves(s, axis).on(target);
}
std::optional<Kernel> SplitEqually::prepare(const CudaTarget& target, const Signature& s) const {
  return split_moves(s, axis).on(target);
}

Tensor concatenate(const Tensors& parts, std::int64_t axis) { return apply_all(Concatenate{axis}, parts).at(0); }
Value concatenate(const Values& parts, std::int64_t axis) { return apply_all(Concatenate{axis}, parts).at(0); }
Symbol concatenate(const Symbols& parts, std::int64_t axis) { return apply_all(Concatenate{axis}, parts).at(0); }

Tensor stack(const Tensors& parts, std::int64_t axis) { return stacked(parts, axis); }
Value stack(const Values& parts, std::int64_t axis) { return stacked(parts, axis); }
Symbol stack(const Symbols& parts, std::int64_t axis) { return stacked(parts, axis); }

}  // namespace strata
