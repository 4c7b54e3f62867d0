#include "core/ops/transpose.h"

#include "core/ops/strided_copy.h"

namespace strata {

namespace {
/// The permutation with axes in [0, rank).
Axes permutation(const Axes& axes, int rank) {
  Axes result;
  if (axes.empty())
    for (int axis = rank; axis-- > 0;) result.push_back(axis);
  std::vector<bool> seen(static_cast<std::size_t>(rank), false);
  for (std::int64_t axis : axes) {
    const int a = normalize_axis(axis, rank, Transpose::name);
    if (seen[static_cast<std::size_t>(a)])
      fail_expected(Transpose::name, "each axis once", "axis " + std::to_string(axis) + " twice");
    seen[static_cast<std::size_t>(a)] = true;
    result.push_back(a);
  }
  if (static_cast<int>(result.size()) != rank)
    fail_expected(Transpose::name, std::to_string(rank) + " axes", std::to_string(result.size()));
  return result;
}
}  // namespace

Type Transpose::infer(std::span<const Type> in) const {
  Shape result;
  for (std::int64_t axis : permutation(axes, in[0].shape.rank())) result.push_back(in[0].shape[axis]);
  return {in[0].dtype, result};
}

Values Transpose::vjp(const Node&, Value g) const {
  const Axes forward = permutation(axes, g.shape().rank());
  Axes back(forward.size());
  for (std::size_t i = 0; i < forward.size(); ++i)
    back[static_cast<std::size_t>(forward[i])] = static_cast<std::int64_t>(i);
  return {transpose(g, back)};
}

namespace {
Moves moves_of(const Transpose& op, const Signature& s) {
  const Shape& from = s.inputs[0].shape;
  const Axes order = permutation(op.axes, from.rank());
  // Axes of size 1 may move freely: when the others keep their order, nothing has to.
  std::int64_t last = -1;
  bool moves = false;
  for (std::int64_t axis : order) {
    if (from[axis] == 1) continue;
    moves = moves || axis < last;
    last = axis;
  }
  if (!moves) return {.view = true};
  const auto in_strides = row_major_strides(from);
  std::vector<std::int64_t> permuted;
  for (std::int64_t axis : order) permuted.push_back(in_strides[static_cast<std::size_t>(axis)]);
  return move_all(s.inputs[0].dtype, s.outputs[0].shape, permuted);
}
}  // namespace

Kernel Transpose::prepare(const CpuTarget& target, const Signature& s) const { return moves_of(*this, s).on(target); }
std::optional<Kernel> Transpose::prepare(const CudaTarget& target, const Signature& s) const {
  return moves_of(*this, s).on(target);
}

}  // namespace strata
