#include "core/kernels/conv2d.h"

#include <algorithm>

#include "core/kernels/conv_direct.h"
#include "core/kernels/conv_gemm.h"
#include "core/kernels/depthwise.h"
#include "core/kernels/winograd.h"

namespace strata::kernels {
namespace {

constexpr Index kDirectChannels = 4;
constexpr Index kWinogradChannels = 8;
constexpr Index kWinogradTiles = 48;

bool winograd_pays(const Conv2DGeometry& g) {
  if (!winograd_applies(g)) return false;
  if (std::min(g.in_channels, g.out_channels) < kWinogradChannels) return false;
  const Index tiles = (g.out_height + 3) / 4 * ((g.out_width + 3) / 4);
  return 16 * tiles <= 2 * g.out_height * g.out_width && g.batch * tiles >= kWinogradTiles;
}

// The kernel as it is, for algorithms that rearrange nothing: each share copies its part.
void copy_share(const float* from, Index size, float* to, Index part, Index parts) {
  const Index first = size * part / parts;
  std::copy(from + first, from + size * (part + 1) / parts, to + first);
}

std::size_t kernel_bytes(const Conv2DGeometry& g) {
  return static_cast<std::size_t>(g.kernel_size()) * sizeof(float);
}

}  // namespace

Conv2DAlgorithm conv2d_forward_algorithm(const Conv2DGeometry& g) {
  if (depthwise_applies(g)) return Conv2DAlgorithm::depthwise;
  if (winograd_pays(g)) return Conv2DAlgorithm::winograd;
  const bool few_channels = g.groups == 1 && g.in_channels <= kDirectChannels;
  return few_channels ? Conv2DAlgorithm::direct : Conv2DAlgorithm::gemm;
}

Conv2DAlgorithm conv2d_data_gradient_algorithm(const Conv2DGeometry& g) {
  if (depthwise_applies(g)) return Conv2DAlgorithm::depthwise;
  return winograd_pays(winograd_data_gradient_geometry(g)) && winograd_applies(g)
             ? Conv2DAlgorithm::winograd
             : Conv2DAlgorithm::gemm;
}

Conv2DAlgorithm conv2d_weight_gradient_algorithm(const Conv2DGeometry& g) {
  return conv2d_forward_algorithm(g);
}

Index conv2d_forward_units(const Conv2DGeometry& g) {
  switch (conv2d_forward_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return depthwise_forward_units(g);
    case Conv2DAlgorithm::winograd: return winograd_units(g);
    case Conv2DAlgorithm::direct: return conv_direct_units(g);
    case Conv2DAlgorithm::gemm: break;
  }
  return g.batch * g.out_height;
}

std::size_t conv2d_forward_kernel_bytes(const Conv2DGeometry& g) {
  switch (conv2d_forward_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return kernel_bytes(g);
    case Conv2DAlgorithm::winograd: return winograd_kernel_bytes(g);
    case Conv2DAlgorithm::direct: return conv_direct_kernel_bytes(g);
    case Conv2DAlgorithm::gemm: break;
  }
  return conv_gemm_forward_kernel_bytes(g);
}

void conv2d_forward_prepare(const Conv2DGeometry& g, const float* w, float* prepared, Index part,
                            Index parts) {
  switch (conv2d_forward_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return copy_share(w, g.kernel_size(), prepared, part, parts);
    case Conv2DAlgorithm::winograd:
      return winograd_transform_kernel(g, WinogradKernel::forward, w, prepared, part, parts);
    case Conv2DAlgorithm::direct:
      if (part == 0) conv_direct_pack_kernel(g, w, prepared);
      return;
    case Conv2DAlgorithm::gemm: break;
  }
  conv_gemm_pack_forward_kernel(g, w, prepared, part, parts);
}

std::size_t conv2d_forward_scratch_bytes(const Conv2DGeometry& g) {
  switch (conv2d_forward_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return depthwise_forward_scratch_bytes(g);
    case Conv2DAlgorithm::winograd: return winograd_forward_scratch_bytes(g);
    case Conv2DAlgorithm::direct: return conv_direct_scratch_bytes(g);
    case Conv2DAlgorithm::gemm: break;
  }
  return conv_gemm_forward_scratch_bytes(g);
}

void conv2d_forward_slice(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                          const float* x, const float* prepared, const float* bias, bool relu,
                          float* y, void* scratch) {
  switch (conv2d_forward_algorithm(g)) {
    case Conv2DAlgorithm::depthwise:
      return depthwise_forward(g, first_unit, last_unit, x, prepared, bias, relu, y, scratch);
    case Conv2DAlgorithm::winograd:
      return winograd_forward(g, first_unit, last_unit, x, prepared, bias, relu, y, scratch);
    case Conv2DAlgorithm::direct:
      return conv_direct_forward(g, first_unit, last_unit, x, prepared, bias, relu, y, scratch);
    case Conv2DAlgorithm::gemm: break;
  }
  conv_gemm_forward(g, first_unit, last_unit, x, prepared, bias, relu, y, scratch);
}

Index conv2d_data_gradient_units(const Conv2DGeometry& g) {
  switch (conv2d_data_gradient_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return depthwise_data_gradient_units(g);
    case Conv2DAlgorithm::winograd: return winograd_units(winograd_data_gradient_geometry(g));
    default: return g.batch;
  }
}

std::size_t conv2d_data_gradient_kernel_bytes(const Conv2DGeometry& g) {
  switch (conv2d_data_gradient_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return kernel_bytes(g);
    case Conv2DAlgorithm::winograd:
      return winograd_kernel_bytes(winograd_data_gradient_geometry(g));
    default: return conv_gemm_data_kernel_bytes(g);
  }
}

void conv2d_data_gradient_prepare(const Conv2DGeometry& g, const float* w, float* prepared,
                                  Index part, Index parts) {
  switch (conv2d_data_gradient_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return copy_share(w, g.kernel_size(), prepared, part, parts);
    case Conv2DAlgorithm::winograd:
      return winograd_transform_kernel(winograd_data_gradient_geometry(g),
                                       WinogradKernel::data_gradient, w, prepared, part, parts);
    default: return conv_gemm_pack_data_kernel(g, w, prepared, part, parts);
  }
}

std::size_t conv2d_data_gradient_scratch_bytes(const Conv2DGeometry& g) {
  switch (conv2d_data_gradient_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return depthwise_data_gradient_scratch_bytes(g);
    case Conv2DAlgorithm::winograd:
      return winograd_forward_scratch_bytes(winograd_data_gradient_geometry(g));
    default: return conv_gemm_data_gradient_scratch_bytes(g);
  }
}

void conv2d_data_gradient_slice(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                                const float* dy, const float* prepared, float* dx, void* scratch) {
  switch (conv2d_data_gradient_algorithm(g)) {
    case Conv2DAlgorithm::depthwise:
      return depthwise_data_gradient(g, first_unit, last_unit, dy, prepared, dx, scratch);
    case Conv2DAlgorithm::winograd:
      return winograd_forward(winograd_data_gradient_geometry(g), first_unit, last_unit, dy,
                              prepared, nullptr, false, dx, scratch);
    default: return conv_gemm_data_gradient(g, first_unit, last_unit, dy, prepared, dx, scratch);
  }
}

Index conv2d_weight_gradient_units(const Conv2DGeometry& g) { return conv2d_forward_units(g); }

std::size_t conv2d_weight_gradient_partial_bytes(const Conv2DGeometry& g) {
  return conv2d_weight_gradient_algorithm(g) == Conv2DAlgorithm::winograd
             ? winograd_partial_bytes(g)
             : kernel_bytes(g);
}

std::size_t conv2d_weight_gradient_scratch_bytes(const Conv2DGeometry& g) {
  switch (conv2d_weight_gradient_algorithm(g)) {
    case Conv2DAlgorithm::depthwise: return depthwise_weight_gradient_scratch_bytes(g);
    case Conv2DAlgorithm::winograd: return winograd_weight_gradient_scratch_bytes(g);
    case Conv2DAlgorithm::direct: return conv_direct_scratch_bytes(g);
    case Conv2DAlgorithm::gemm: break;
  }
  return conv_gemm_weight_gradient_scratch_bytes(g);
}

void conv2d_weight_gradient_slice(const Conv2DGeometry& g, Index first_unit, Index last_unit,
                                  const float* x, const float* dy, float* partial, void* scratch) {
  const Conv2DAlgorithm algorithm = conv2d_weight_gradient_algorithm(g);
  if (algorithm == Conv2DAlgorithm::winograd) {
    return winograd_weight_gradient(g, first_unit, last_unit, x, dy, partial, scratch);
  }
  std::fill(partial, partial + g.kernel_size(), 0.0f);
  switch (algorithm) {
    case Conv2DAlgorithm::depthwise:
      return depthwise_weight_gradient(g, first_unit, last_unit, x, dy, partial, scratch);
    case Conv2DAlgorithm::direct:
      return conv_direct_weight_gradient(g, first_unit, last_unit, x, dy, partial, scratch);
    default: return conv_gemm_weight_gradient(g, first_unit, last_unit, x, dy, partial, scratch);
  }
}

void conv2d_weight_gradient_finish(const Conv2DGeometry& g, const float* partials,
                                   Index partial_stride, Index count, float* dw, Index part,
                                   Index parts) {
  if (conv2d_weight_gradient_algorithm(g) == Conv2DAlgorithm::winograd) {
    return winograd_weight_gradient_finish(g, partials, partial_stride, count,
                                           g.in_channels * part / parts,
                                           g.in_channels * (part + 1) / parts, dw);
  }
  const Index last = g.kernel_size() * (part + 1) / parts;
  for (Index i = g.kernel_size() * part / parts; i < last; ++i) {
    float sum = partials[i];
    for (Index p = 1; p < count; ++p) sum += partials[p * partial_stride + i];
    dw[i] = sum;
  }
}

}  // namespace strata::kernels
