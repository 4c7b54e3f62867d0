#include "core/ops/concatenate.h"

#include "core/ops/repeat.h"
#include "core/ops/strided_copy.h"

namespace strata {

namespace {
using Copies = std::vector<std::pair<StridedCopy, std::size_t>>;  // and where in the whole the piece starts, in bytes

/// How each piece moves to or from its place in the whole.
Copies copies_of(const Types& pieces, const Type& whole, int axis, bool joining) {
  const std::size_t element = size_of(whole.dtype);
  const auto whole_strides = row_major_strides(whole.shape);
  Copies copies;
  std::int64_t at = 0;
  for (const Type& piece : pieces) {
    const auto strides = row_major_strides(piece.shape);
    copies.emplace_back(joining ? StridedCopy(element, piece.shape.dims(), strides, whole_strides)
                                : StridedCopy(element, piece.shape.dims(), whole_strides, strides),
                        static_cast<std::size_t>(at * whole_strides[static_cast<std::size_t>(axis)]) * element);
    at += piece.shape[axis];
  }
  return copies;
}

Kernel split_kernel(const Signature& s, std::int64_t axis) {
  const int a = normalize_axis(axis, s.inputs[0].shape.rank(), Split::name);
  return {.run =
              [copies = copies_of(s.outputs, s.inputs[0], a, false)](Cpu& cpu, const Buffers& io) {
                for (std::size_t i = 0; i < copies.size(); ++i)
                  copies[i].first.run(cpu, static_cast<const std::byte*>(io.in_raw()[0]) + copies[i].second,
                                      static_cast<std::byte*>(io.out_raw()[i]));
              },
          .in_place = {}};
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

Kernel Concatenate::prepare(const CpuTarget&, const Signature& s) const {
  if (s.inputs.size() == 1) return {.run = {}, .in_place = {}, .view = true};
  const int a = normalize_axis(axis, s.outputs[0].shape.rank(), name);
  return {.run =
              [copies = copies_of(s.inputs, s.outputs[0], a, true)](Cpu& cpu, const Buffers& io) {
                for (std::size_t i = 0; i < copies.size(); ++i)
                  copies[i].first.run(cpu, static_cast<const std::byte*>(io.in_raw()[i]),
                                      static_cast<std::byte*>(io.out_raw()[0]) + copies[i].second);
              },
          .in_place = {}};
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
Kernel Split::prepare(const CpuTarget&, const Signature& s) const { return split_kernel(s, axis); }

Types SplitEqually::infer(std::span<const Type> in) const {
  const int a = normalize_axis(axis, in[0].shape.rank(), name);
  if (parts < 1 || in[0].shape[a] % parts != 0)
    fail_expected(name, "a number of parts that divides " + std::to_string(in[0].shape[a]), std::to_string(parts));
  Type piece = in[0];
  piece.shape[a] /= parts;
  return Types(static_cast<std::size_t>(parts), piece);
}
Values SplitEqually::vjp(const Node& node, std::span<const Value> g) const { return joined(node, g, axis); }
Kernel SplitEqually::prepare(const CpuTarget&, const Signature& s) const { return split_kernel(s, axis); }

Tensor concatenate(const Tensors& parts, std::int64_t axis) { return apply_all(Concatenate{axis}, parts).at(0); }
Value concatenate(const Values& parts, std::int64_t axis) { return apply_all(Concatenate{axis}, parts).at(0); }
Symbol concatenate(const Symbols& parts, std::int64_t axis) { return apply_all(Concatenate{axis}, parts).at(0); }

Tensor stack(const Tensors& parts, std::int64_t axis) { return stacked(parts, axis); }
Value stack(const Values& parts, std::int64_t axis) { return stacked(parts, axis); }
Symbol stack(const Symbols& parts, std::int64_t axis) { return stacked(parts, axis); }

}  // namespace strata
