#include <algorithm>

#include "core/base/error.h"
#include "core/cuda/dnn.h"

namespace strata::cuda {

namespace {
constexpr std::string_view pass_name(ConvPass pass) {
  switch (pass) {
    case ConvPass::forward:
      return "forward";
    case ConvPass::data_gradient:
      return "data gradient";
    case ConvPass::weight_gradient:
      break;
  }
  return "weight gradient";
}

std::string list(const std::vector<std::int64_t>& numbers) { return to_string(Shape(numbers)); }

/// Axes over which the window moves.
std::size_t axes(const ConvProblem& p) { return static_cast<std::size_t>(p.x.rank() - 2); }

/// Positions from the first to the last that the window looks at.
std::int64_t reach(const ConvProblem& p, std::size_t axis) {
  return p.dilation[axis] * (p.w[static_cast<std::int64_t>(axis) + 1] - 1) + 1;
}

Type of(const Shape& shape, DType dtype) { return {dtype, shape}; }

bool positive(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size >= 1; });
}
}  // namespace

std::int64_t ConvProblem::padding_after(std::size_t axis) const {
  const auto at = static_cast<std::int64_t>(axis) + 1;
  // Negative where the last positions of x are never looked at, which cuDNN works out by itself.
  return std::max<std::int64_t>(0, (y[at] - 1) * strides[axis] + reach(*this, axis) - x[at] - padding_before[axis]);
}

std::string to_string(const ConvProblem& p) {
  std::string text = "conv" + std::to_string(p.x.rank() - 2) + "d " + std::string(pass_name(p.pass)) + " " +
                     std::string(to_string(p.dtype)) + " x" + to_string(p.x) + " w" + to_string(p.w) + " y" +
                     to_string(p.y) + " strides" + list(p.strides) + " dilation" + list(p.dilation) + " padding" +
                     list(p.padding_before);
  if (p.bias) text += " bias";
  if (p.relu) text += " relu";
  if (p.tensor_float_32) text += " tf32";
  return text;
}

void check(const ConvProblem& p) {
  const int rank = p.x.rank();
  if (rank < 4 || rank > 5 || p.w.rank() != rank || p.y.rank() != rank || !positive(p.x) || !positive(p.w) ||
      !positive(p.y))
    fail_expected("conv", "x, w and y of rank 4 or 5 and no size below 1",
                  to_string(p.x) + ", " + to_string(p.w) + " and " + to_string(p.y));
  const std::string where = to_string(p);
  if (!is_floating(p.dtype)) fail_expected(where, "a floating type", to_string(p.dtype));
  if (p.strides.size() != axes(p) || p.dilation.size() != axes(p) || p.padding_before.size() != axes(p))
    fail_expected(where, "one stride, dilation and padding per axis", "others");
  if (p.x.front() != p.y.front() || p.x.back() % p.w.back() != 0 || p.w.front() != p.y.back() ||
      p.w.front() % p.groups() != 0)
    fail_expected(where, "x[N,...,C], w[F,...,C/groups] and y[N,...,F]", "sizes that do not fit");
  for (std::size_t axis = 0; axis < axes(p); ++axis) {
    if (p.strides[axis] < 1 || p.dilation[axis] < 1 || p.padding_before[axis] < 0)
      fail_expected(where, "strides and dilation of at least 1 and no negative padding", "others");
    const auto at = static_cast<std::int64_t>(axis) + 1;
    const std::int64_t whole = p.x[at] + p.padding_before[axis] + p.padding_after(axis);
    if (whole < reach(p, axis) || (whole - reach(p, axis)) / p.strides[axis] + 1 != p.y[at])
      fail_expected(where, "an output as large as the window's positions", std::to_string(p.y[at]));
  }
  if (p.pass != ConvPass::forward && (p.bias || p.relu))
    throw Error(where, "bias and ReLU go with the forward pass only");
}

std::vector<Operand> operands(const ConvProblem& p) {
  const Type x = of(p.x, p.dtype), w = of(p.w, p.dtype), y = of(p.y, p.dtype);
  if (p.pass == ConvPass::data_gradient) return {{"dy", y}, {"w", w}, {"dx", x, true}};
  if (p.pass == ConvPass::weight_gradient) return {{"x", x}, {"dy", y}, {"dw", w, true}};
  std::vector<Operand> all{{"x", x}, {"w", w}};
  if (p.bias) all.push_back({"bias", of(Shape{p.y.back()}, p.dtype)});
  all.push_back({"y", y, true});
  return all;
}

}  // namespace strata::cuda
