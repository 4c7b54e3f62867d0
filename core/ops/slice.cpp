#include "core/ops/slice.h"

#include <algorithm>

#include "core/ops/strided_copy.h"

namespace strata {

namespace {
struct Range {
  std::int64_t begin, count, stride;
};

Range range_of(const Slice& op, std::size_t axis, std::int64_t size) {
  const auto position = [&](const std::vector<std::int64_t>& list, std::int64_t otherwise) {
    if (axis >= list.size()) return otherwise;
    const std::int64_t p = list[axis];
    return std::clamp<std::int64_t>(p < 0 ? p + size : p, 0, size);
  };
  const std::int64_t begin = position(op.begin, 0), end = position(op.end, size);
  const std::int64_t stride = axis < op.strides.size() ? op.strides[axis] : 1;
  if (stride < 1) fail_expected(Slice::name, "strides of at least 1", std::to_string(stride));
  return {begin, end <= begin ? 0 : (end - begin + stride - 1) / stride, stride};
}

std::vector<Range> ranges_of(const Slice& op, const Shape& from) {
  const auto rank = static_cast<std::size_t>(from.rank());
  if (op.begin.size() > rank || op.end.size() > rank || op.strides.size() > rank)
    fail_expected(Slice::name, "at most one position for each axis of " + to_string(from),
                  std::to_string(std::max({op.begin.size(), op.end.size(), op.strides.size()})));
  std::vector<Range> ranges;
  for (std::size_t axis = 0; axis < rank; ++axis)
    ranges.push_back(range_of(op, axis, from[static_cast<std::int64_t>(axis)]));
  return ranges;
}

std::int64_t amount(const std::vector<std::int64_t>& list, int axis) {
  return list.empty() ? 0 : list[static_cast<std::size_t>(axis)];
}

/// The size of an axis with the elements between its neighbours.
std::int64_t spread(const Pad& op, std::int64_t size, int axis) {
  return size == 0 ? 0 : size + (size - 1) * amount(op.interior, axis);
}

void check_amounts(const std::vector<std::int64_t>& list, int rank, bool optional) {
  if (list.size() != static_cast<std::size_t>(rank) && !(optional && list.empty()))
    fail_expected(Pad::name, "one amount for each of " + std::to_string(rank) + " axes", std::to_string(list.size()));
  for (std::int64_t a : list)
    if (a < 0) fail_expected(Pad::name, "amounts of at least 0", std::to_string(a));
}
}  // namespace

Type Slice::infer(std::span<const Type> in) const {
  Shape result;
  for (const Range& r : ranges_of(*this, in[0].shape)) result.push_back(r.count);
  return {in[0].dtype, result};
}

Values Slice::vjp(const Node& node, Value g) const {
  const Shape& from = node.input(0).shape();
  Pad back;
  int axis = 0;
  for (const Range& r : ranges_of(*this, from)) {
    const std::int64_t covered = r.count == 0 ? 0 : (r.count - 1) * r.stride + 1;
    back.before.push_back(r.begin);
    back.after.push_back(from[axis++] - r.begin - covered);
    back.interior.push_back(r.stride - 1);
  }
  return {apply(back, g)};
}

namespace {
Moves moves_of(const Slice& op, const Signature& s) {
  const auto whole = row_major_strides(s.inputs[0].shape);
  std::vector<std::int64_t> steps;
  std::int64_t start = 0;
  for (const Range& r : ranges_of(op, s.inputs[0].shape)) {
    start += r.begin * whole[steps.size()];
    steps.push_back(whole[steps.size()] * r.stride);
  }
  const std::size_t element = size_of(s.inputs[0].dtype);
  const StridedCopy copy(element, s.outputs[0].shape.dims(), steps, row_major_strides(s.outputs[0].shape));
  return {.pieces = {{.from = static_cast<std::size_t>(start) * element, .copy = copy}}};
}
}  // namespace

Kernel Slice::prepare(const CpuTarget& target, const Signature& s) const { return moves_of(*this, s).on(target); }
std::optional<Kernel> Slice::prepare(const CudaTarget& target, const Signature& s) const {
  return moves_of(*this, s).on(target);
}

Type Pad::infer(std::span<const Type> in) const {
  const int rank = in[0].shape.rank();
  check_amounts(before, rank, false);
  check_amounts(after, rank, false);
  check_amounts(interior, rank, true);
  Shape result;
  for (int axis = 0; axis < rank; ++axis)
    result.push_back(amount(before, axis) + spread(*this, in[0].shape[axis], axis) + amount(after, axis));
  return {in[0].dtype, result};
}

Values Pad::vjp(const Node& node, Value g) const {
  const Shape& from = node.input(0).shape();
  Slice back;
  for (int axis = 0; axis < from.rank(); ++axis) {
    back.begin.push_back(amount(before, axis));
    back.end.push_back(amount(before, axis) + spread(*this, from[axis], axis));
    back.strides.push_back(amount(interior, axis) + 1);
  }
  return {apply(back, g)};
}

namespace {
Moves moves_of(const Pad& op, const Signature& s) {
  const Shape& to = s.outputs[0].shape;
  const auto whole = row_major_strides(to);
  std::vector<std::int64_t> strides;
  std::int64_t start = 0;
  for (int axis = 0; axis < to.rank(); ++axis) {
    const std::int64_t stride = whole[static_cast<std::size_t>(axis)];
    start += amount(op.before, axis) * stride;
    strides.push_back(stride * (amount(op.interior, axis) + 1));
  }
  const DType dtype = s.inputs[0].dtype;
  const std::size_t element = size_of(dtype);
  const StridedCopy copy(element, s.inputs[0].shape.dims(), row_major_strides(s.inputs[0].shape), strides);
  const DeviceScope processor(Device{});
  return {.pieces = {{.to = static_cast<std::size_t>(start) * element, .copy = copy}},
          .background = cast(Tensor::scalar(op.value), dtype)};
}
}  // namespace

Kernel Pad::prepare(const CpuTarget& target, const Signature& s) const { return moves_of(*this, s).on(target); }
std::optional<Kernel> Pad::prepare(const CudaTarget& target, const Signature& s) const {
  return moves_of(*this, s).on(target);
}

}  // namespace strata
