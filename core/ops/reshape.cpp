#include "core/ops/reshape.h"

namespace strata {

namespace {
Kernel view_kernel() { return {.run = {}, .in_place = {}, .view = true}; }

Values reshaped_back(const Node& node, const Value& g) { return {reshape(g, node.input(0).shape())}; }
}  // namespace

Type Reshape::infer(std::span<const Type> in) const {
  Shape result = shape;
  std::int64_t known = 1;
  int open = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == -1 && open < 0)
      open = axis;
    else if (shape[axis] < 0)
      fail_expected(name, "sizes of at least 0, one of them -1 at most", to_string(shape));
    else
      known *= shape[axis];
  }
  const std::int64_t elements = in[0].shape.elements();
  if (open >= 0 && known > 0 && elements % known == 0) result[open] = elements / known;
  if (open >= 0 && known == 0) result[open] = 0;
  if (result.has_open_dim() || result.elements() != elements)
    throw Error(name, "The total size of the tensor must be unchanged. Received: input_shape=" +
                          to_keras_string(in[0].shape) + ", target_shape=" + to_keras_string(shape));
  return {in[0].dtype, result};
}
Values Reshape::vjp(const Node& node, Value g) const { return reshaped_back(node, g); }
Kernel Reshape::prepare(const CpuTarget&, const Signature&) const { return view_kernel(); }

Type ExpandDims::infer(std::span<const Type> in) const {
  const int at = normalize_axis(axis, in[0].shape.rank() + 1, name);
  std::vector<std::int64_t> dims = in[0].shape.dims();
  dims.insert(dims.begin() + at, 1);
  return {in[0].dtype, Shape(std::move(dims))};
}
Values ExpandDims::vjp(const Node& node, Value g) const { return reshaped_back(node, g); }
Kernel ExpandDims::prepare(const CpuTarget&, const Signature&) const { return view_kernel(); }

Type Squeeze::infer(std::span<const Type> in) const {
  const Shape& from = in[0].shape;
  std::vector<bool> dropped(static_cast<std::size_t>(from.rank()), false);
  if (axes.empty()) {
    for (int axis = 0; axis < from.rank(); ++axis) dropped[static_cast<std::size_t>(axis)] = from[axis] == 1;
  } else {
    for (std::int64_t axis : normalize_axes(axes, from.rank(), name)) {
      if (from[axis] != 1) fail_expected(name, "size 1 on axis " + std::to_string(axis), to_string(from));
      dropped[static_cast<std::size_t>(axis)] = true;
    }
  }
  Shape result;
  for (int axis = 0; axis < from.rank(); ++axis)
    if (!dropped[static_cast<std::size_t>(axis)]) result.push_back(from[axis]);
  return {in[0].dtype, result};
}
Values Squeeze::vjp(const Node& node, Value g) const { return reshaped_back(node, g); }
Kernel Squeeze::prepare(const CpuTarget&, const Signature&) const { return view_kernel(); }

Type Flatten::infer(std::span<const Type> in) const {
  const Shape& from = in[0].shape;
  const int at = first == from.rank() ? from.rank() : normalize_axis(first, from.rank(), name);
  Shape result = from.slice(0, at);
  result.push_back(from.slice(at, from.rank()).elements());
  return {in[0].dtype, result};
}
Values Flatten::vjp(const Node& node, Value g) const { return reshaped_back(node, g); }
Kernel Flatten::prepare(const CpuTarget&, const Signature&) const { return view_kernel(); }

Kernel Identity::prepare(const CpuTarget&, const Signature&) const { return view_kernel(); }
Kernel StopGradient::prepare(const CpuTarget&, const Signature&) const { return view_kernel(); }

}  // namespace strata
