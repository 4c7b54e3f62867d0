#include "core/ops/repeat.h"

#include <cstring>

#include "core/graph/tile_loops.h"
#include "core/kernels/elementwise_functions.h"
#include "core/ops/reduce.h"
#include "core/ops/reshape.h"
#include "core/ops/strided_copy.h"

namespace strata {

Type BroadcastTo::infer(std::span<const Type> in) const {
  if (broadcast(in[0].shape, shape, name) != shape)
    fail_expected(name, "a shape that broadcasts to " + to_string(shape), to_string(in[0].shape));
  return {in[0].dtype, shape};
}

Values BroadcastTo::vjp(const Node& node, Value g) const { return {sum_to_shape(g, node.input(0).shape())}; }

namespace {
Moves moves_of(const BroadcastTo&, const Signature& s) {
  const Shape& from = s.inputs[0].shape;
  const Shape& to = s.outputs[0].shape;
  if (from.elements() == to.elements()) return {.view = true};
  const auto own = row_major_strides(from);
  std::vector<std::int64_t> strides(static_cast<std::size_t>(to.rank()), 0);
  const int added = to.rank() - from.rank();
  for (int axis = 0; axis < from.rank(); ++axis)
    if (from[axis] != 1) strides[static_cast<std::size_t>(axis + added)] = own[static_cast<std::size_t>(axis)];
  return move_all(s.inputs[0].dtype, to, strides);
}
}  // namespace

Kernel BroadcastTo::prepare(const CpuTarget& target, const Signature& s) const { return moves_of(*this, s).on(target); }
std::optional<Kernel> BroadcastTo::prepare(const CudaTarget& target, const Signature& s) const {
  return moves_of(*this, s).on(target);
}

Tile BroadcastTo::tile(std::span<const DType> in) const {
  const DType d = in[0];
  return dispatch(d, [d]<class T>() -> Tile {
    const TileFunction copy = [](const void*, const void* const* from, void* to, std::size_t n) {
      std::memmove(to, from[0], n * sizeof(T));
    };
    return {copy, d, tiles::device_code<fn::BroadcastTo, BroadcastTo>};
  });
}

Type Repeat::infer(std::span<const Type> in) const {
  if (count < 0) fail_expected(name, "a count of at least 0", std::to_string(count));
  Type result = in[0];
  result.shape[normalize_axis(axis, in[0].shape.rank(), name)] *= count;
  return result;
}

Values Repeat::vjp(const Node& node, Value g) const {
  const Shape& from = node.input(0).shape();
  const int at = normalize_axis(axis, from.rank(), name);
  std::vector<std::int64_t> dims = from.dims();
  dims.insert(dims.begin() + at + 1, count);
  return {sum(reshape(g, Shape(dims)), {at + 1})};
}

namespace {
Moves moves_of(const Repeat& op, const Signature& s) {
  const Shape& from = s.inputs[0].shape;
  const int at = normalize_axis(op.axis, from.rank(), Repeat::name);
  std::vector<std::int64_t> dims = from.dims(), strides = row_major_strides(from);
  dims.insert(dims.begin() + at + 1, op.count);
  strides.insert(strides.begin() + at + 1, 0);
  return move_all(s.inputs[0].dtype, Shape(dims), strides);
}
}  // namespace

Kernel Repeat::prepare(const CpuTarget& target, const Signature& s) const { return moves_of(*this, s).on(target); }
std::optional<Kernel> Repeat::prepare(const CudaTarget& target, const Signature& s) const {
  return moves_of(*this, s).on(target);
}

Type Tiling::infer(std::span<const Type> in) const {
  Type result = in[0];
  if (multiples.size() != static_cast<std::size_t>(in[0].shape.rank()))
    fail_expected(name, "one multiple for each axis of " + to_string(in[0].shape), std::to_string(multiples.size()));
  for (std::size_t axis = 0; axis < multiples.size(); ++axis) {
    if (multiples[axis] < 0) fail_expected(name, "multiples of at least 0", std::to_string(multiples[axis]));
    result.shape[static_cast<std::int64_t>(axis)] *= multiples[axis];
  }
  return result;
}

Values Tiling::vjp(const Node& node, Value g) const {
  const Shape& from = node.input(0).shape();
  Shape parted;
  Axes copies;
  for (int axis = 0; axis < from.rank(); ++axis) {
    copies.push_back(parted.rank());
    parted.push_back(multiples[static_cast<std::size_t>(axis)]);
    parted.push_back(from[axis]);
  }
  if (copies.empty()) return {g};
  return {sum(reshape(g, parted), copies)};
}

namespace {
Moves moves_of(const Tiling& op, const Signature& s) {
  const Shape& from = s.inputs[0].shape;
  const auto own = row_major_strides(from);
  Shape parted;
  std::vector<std::int64_t> strides;
  for (int axis = 0; axis < from.rank(); ++axis) {
    parted.push_back(op.multiples[static_cast<std::size_t>(axis)]);
    parted.push_back(from[axis]);
    strides.push_back(0);
    strides.push_back(own[static_cast<std::size_t>(axis)]);
  }
  return move_all(s.inputs[0].dtype, parted, strides);
}
}  // namespace

Kernel Tiling::prepare(const CpuTarget& target, const Signature& s) const { return moves_of(*this, s).on(target); }
std::optional<Kernel> Tiling::prepare(const CudaTarget& target, const Signature& s) const {
  return moves_of(*this, s).on(target);
}

}  // namespace strata
