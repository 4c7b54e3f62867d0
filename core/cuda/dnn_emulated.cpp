// The plans of core/cuda/dnn.h on a GPU that is emulated on the processor: the definitions, in double.
#include "core/base/error.h"
#include "core/cuda/alignment.h"
#include "core/cuda/dnn.h"
#include "core/cuda/emulated_arrays.h"
#include "core/device/cuda_emulated.h"
#include "core/kernels/reference_conv.h"

namespace strata::cuda {

using Addresses = std::vector<void*>;

struct DnnPlan::Body {
  std::string problem, engine;
  std::size_t operands = 0, workspace = 0;
  std::function<void(const Addresses&)> work;
};

namespace {
using kernels::Index;

kernels::Conv2DGeometry plane_geometry(const ConvProblem& p) {
  const std::size_t h = p.strides.size() - 2, w = h + 1;
  const auto size = [](const Shape& s, std::size_t axis) {
    return static_cast<Index>(s[static_cast<std::int64_t>(axis) + 1]);
  };
  kernels::Conv2DGeometry g;
  g.batch = p.x.front();
  g.in_height = size(p.x, h), g.in_width = size(p.x, w), g.in_channels = p.x.back();
  g.out_height = size(p.y, h), g.out_width = size(p.y, w), g.out_channels = p.y.back();
  g.kernel_height = size(p.w, h), g.kernel_width = size(p.w, w);
  g.stride_height = p.strides[h], g.stride_width = p.strides[w];
  g.dilation_height = p.dilation[h], g.dilation_width = p.dilation[w];
  g.pad_top = p.padding_before[h], g.pad_left = p.padding_before[w];
  g.groups = p.groups();
  return g;
}

kernels::Conv3DGeometry volume_geometry(const ConvProblem& p) {
  kernels::Conv3DGeometry g;
  g.plane = plane_geometry(p);
  g.plane.batch = 1;
  g.batch = p.x.front();
  g.in_depth = p.x[1], g.out_depth = p.y[1], g.kernel_depth = p.w[1];
  g.stride_depth = p.strides[0], g.dilation_depth = p.dilation[0], g.pad_front = p.padding_before[0];
  return g;
}

/// [F, positions, c] to [positions, c, F], which the reference reads, or back.
std::vector<double> filters_moved(const std::vector<double>& from, const Shape& w, bool last) {
  const auto filters = static_cast<std::size_t>(w.front()), rest = from.size() / filters;
  std::vector<double> to(from.size());
  for (std::size_t f = 0; f < filters; ++f)
    for (std::size_t i = 0; i < rest; ++i)
      (last ? to[i * filters + f] : to[f * rest + i]) = last ? from[f * rest + i] : from[i * filters + f];
  return to;
}

template <class Geometry>
void convolve(const Geometry& g, const ConvProblem& p, const Addresses& at) {
  const auto read = [&](std::size_t i) {
    return read_array(at[i], p.dtype, static_cast<std::size_t>(operands(p)[i].type.shape.elements()));
  };
  const auto elements = [](const Shape& s) { return static_cast<std::size_t>(s.elements()); };
  if (p.pass == ConvPass::data_gradient) {
    std::vector<double> dx(elements(p.x));
    kernels::reference_conv_data_gradient(g, 0, g.batch, read(0).data(), filters_moved(read(1), p.w, true).data(),
                                          dx.data());
    return write_array(at[2], p.dtype, dx);
  }
  if (p.pass == ConvPass::weight_gradient) {
    std::vector<double> dw(elements(p.w));
    kernels::reference_conv_weight_gradient(g, 0, g.batch, read(0).data(), read(1).data(), dw.data());
    return write_array(at[2], p.dtype, filters_moved(dw, p.w, false));
  }
  const std::vector<double> bias = p.bias ? read(2) : std::vector<double>{};
  std::vector<double> y(elements(p.y));
  kernels::reference_conv_forward(g, 0, g.batch, read(0).data(), filters_moved(read(1), p.w, true).data(),
                                  p.bias ? bias.data() : nullptr, y.data());
  if (p.relu)
    for (double& value : y) value = value < 0 ? 0 : value;
  write_array(at.back(), p.dtype, y);
}

/// Some, so that callers who forget to give it are found out.
constexpr std::size_t workspace_wanted = 1000;

}  // namespace

DnnPlan DnnPlan::make(const CudaTarget&, const ConvProblem& p, const DnnOptions&) {
  check(p);
  const auto work = [p](const Addresses& at) {
    if (p.x.rank() == 4)
      convolve(plane_geometry(p), p, at);
    else
      convolve(volume_geometry(p), p, at);
  };
  return DnnPlan(
      std::make_shared<const Body>(Body{to_string(p), "emulated", operands(p).size(), workspace_wanted, work}));
}

std::size_t DnnPlan::workspace_bytes() const { return body_->workspace; }
const std::string& DnnPlan::engine() const { return body_->engine; }

void DnnPlan::run(Cuda& gpu, std::span<void* const> addresses, void* workspace) const {
  if (addresses.size() != body_->operands)
    fail_expected(body_->problem, std::to_string(body_->operands) + " addresses", std::to_string(addresses.size()));
  expect_aligned(body_->problem, addresses);
  enqueue(gpu.stream().handle(), [body = body_, at = Addresses(addresses.begin(), addresses.end()), workspace] {
    spoil(workspace, body->workspace);
    body->work(at);
  });
}

}  // namespace strata::cuda
