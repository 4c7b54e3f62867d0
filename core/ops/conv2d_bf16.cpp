#include "core/ops/conv2d_bf16.h"

#include <algorithm>

#include "core/kernels/conv2d.h"
#include "core/kernels/conv_bf16.h"
#include "core/kernels/depthwise.h"
#include "core/kernels/gemm_bf16.h"
#include "core/ops/conv_common.h"

namespace strata {

namespace {
using namespace conv_detail;
using kernels::Conv2DAlgorithm;
using kernels::Conv2DGeometry;

/// Positions that are worth a thread.
constexpr std::size_t position_grain = 64;

bool all_bf16(const Signature& s) {
  const auto is_bf16 = [](const Type& t) { return t.dtype == DType::bf16; };
  return std::ranges::all_of(s.inputs, is_bf16) && std::ranges::all_of(s.outputs, is_bf16);
}

/// Winograd's f32 products are as fast as the direct ones of bf16; the other algorithms are not made of products.
bool suits(const Conv2DGeometry& g, Conv2DAlgorithm in_f32) {
  return kernels::bf16_products_available() && in_f32 == Conv2DAlgorithm::gemm && kernels::conv_bf16_applies(g);
}

void widen(std::span<const BFloat16> from, float* to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = to_float(from[i]);
}

Kernel depthwise_forward(const Conv2DGeometry& g, const Epilogue& epilogue, int threads) {
  const std::size_t kernel_bytes = aligned(static_cast<std::size_t>(g.kernel_size()) * sizeof(float));
  const std::size_t wide = kernel_bytes + aligned(static_cast<std::size_t>(g.out_channels) * sizeof(float));
  const std::size_t scratch = aligned(kernels::depthwise_forward_scratch_bytes(g));
  Kernel kernel;
  kernel.scratch_bytes = wide + scratch * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    auto *w = io.scratch<float>(), *bias = reinterpret_cast<float*>(io.scratch() + kernel_bytes);
    widen(io.in<BFloat16>(1), w);
    if (epilogue.bias) widen(io.in<BFloat16>(2), bias);
    const auto units = static_cast<std::size_t>(kernels::depthwise_forward_units(g));
    cpu.parallel_ranges(units, 1, [&](std::size_t first, std::size_t last, int part) {
      kernels::depthwise_forward(g, static_cast<Index>(first), static_cast<Index>(last), io.in<BFloat16>(0).data(), w,
                                 epilogue.bias ? bias : nullptr, epilogue.relu, io.out<BFloat16>(0).data(),
                                 io.scratch() + wide + scratch * static_cast<std::size_t>(part));
    });
  };
  return kernel;
}

Kernel depthwise_data_gradient(const Conv2DGeometry& g, int threads) {
  const std::size_t wide = aligned(static_cast<std::size_t>(g.kernel_size()) * sizeof(float));
  const std::size_t scratch = aligned(kernels::depthwise_data_gradient_scratch_bytes(g));
  Kernel kernel;
  kernel.scratch_bytes = wide + scratch * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    widen(io.in<BFloat16>(1), io.scratch<float>());
    const auto units = static_cast<std::size_t>(kernels::depthwise_data_gradient_units(g));
    cpu.parallel_ranges(units, 1, [&](std::size_t first, std::size_t last, int part) {
      kernels::depthwise_data_gradient(g, static_cast<Index>(first), static_cast<Index>(last),
                                       io.in<BFloat16>(0).data(), io.scratch<float>(), io.out<BFloat16>(0).data(),
                                       io.scratch() + wide + scratch * static_cast<std::size_t>(part));
    });
  };
  return kernel;
}

/// Sums of `own` bytes for each thread, of which slice(first, last, sums, room behind them) adds its range of units;
/// then these are added in order and rounded.
template <class Slice>
Kernel summed_weight_gradient(std::size_t units, std::size_t grain, std::size_t partial, std::size_t own, int threads,
                              Slice slice) {
  Kernel kernel;
  kernel.scratch_bytes = own * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const auto dw = io.out<BFloat16>(0);
    const auto sums_of = [&](int part) {
      return reinterpret_cast<float*>(io.scratch() + own * static_cast<std::size_t>(part));
    };
    cpu.parallel_ranges(units, grain, [&](std::size_t first, std::size_t last, int part) {
      std::fill_n(sums_of(part), dw.size(), 0.0f);
      slice(static_cast<Index>(first), static_cast<Index>(last), io, sums_of(part),
            reinterpret_cast<std::byte*>(sums_of(part)) + partial);
    });
    const int parts = cpu.parts_of(units, grain);
    cpu.parallel_ranges(dw.size(), 16384, [&](std::size_t first, std::size_t last, int) {
      float* sums = sums_of(0);
      for (int p = 1; p < parts; ++p)
        for (std::size_t i = first; i < last; ++i) sums[i] += sums_of(p)[i];
      for (std::size_t i = first; i < last; ++i) dw[i] = to_bfloat16(sums[i]);
    });
  };
  return kernel;
}
}  // namespace

std::optional<Kernel> bf16_forward(const Conv2DGeometry& g, const Signature& s, const Epilogue& epilogue, int threads) {
  if (!all_bf16(s)) return std::nullopt;
  if (kernels::depthwise_applies_to_bf16(g)) return depthwise_forward(g, epilogue, threads);
  if (!suits(g, kernels::conv2d_forward_algorithm(g))) return std::nullopt;
  const std::size_t packed = aligned(kernels::conv_bf16_forward_kernel_bytes(g));
  const std::size_t scratch = aligned(kernels::conv_bf16_forward_scratch_bytes(g));
  Kernel kernel;
  kernel.scratch_bytes = packed + scratch * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const BFloat16 *x = io.in<BFloat16>(0).data(), *w = io.in<BFloat16>(1).data();
    const BFloat16* bias = epilogue.bias ? io.in<BFloat16>(2).data() : nullptr;
    BFloat16* y = io.out<BFloat16>(0).data();
    each_share(cpu, threads, [&](Index p) { kernels::conv_bf16_forward_prepare(g, w, io.scratch(), p, threads); });
    const auto positions = static_cast<std::size_t>(g.batch * g.out_height * g.out_width);
    cpu.parallel_ranges(positions, position_grain, [&](std::size_t first, std::size_t last, int part) {
      kernels::conv_bf16_forward(g, static_cast<Index>(first), static_cast<Index>(last), x, io.scratch(), bias,
                                 epilogue.relu, y, io.scratch() + packed + scratch * static_cast<std::size_t>(part));
    });
  };
  return kernel;
}

std::optional<Kernel> bf16_data_gradient(const Conv2DGeometry& g, const Signature& s, int threads) {
  if (!all_bf16(s)) return std::nullopt;
  if (kernels::depthwise_applies_to_bf16(g)) return depthwise_data_gradient(g, threads);
  if (g.stride_height != 1 || g.stride_width != 1 || !suits(g, kernels::conv2d_data_gradient_algorithm(g)))
    return std::nullopt;
  const std::size_t packed = aligned(kernels::conv_bf16_data_kernel_bytes(g));
  const std::size_t scratch = aligned(kernels::conv_bf16_data_scratch_bytes(g));
  Kernel kernel;
  kernel.scratch_bytes = packed + scratch * static_cast<std::size_t>(threads);
  kernel.run = [=](Cpu& cpu, const Buffers& io) {
    const BFloat16 *dy = io.in<BFloat16>(0).data(), *w = io.in<BFloat16>(1).data();
    BFloat16* dx = io.out<BFloat16>(0).data();
    each_share(cpu, threads, [&](Index p) { kernels::conv_bf16_data_prepare(g, w, io.scratch(), p, threads); });
    const auto positions = static_cast<std::size_t>(g.batch * g.in_height * g.in_width);
    cpu.parallel_ranges(positions, position_grain, [&](std::size_t first, std::size_t last, int part) {
      kernels::conv_bf16_data_gradient(g, static_cast<Index>(first), static_cast<Index>(last), dy, io.scratch(), dx,
                                       io.scratch() + packed + scratch * static_cast<std::size_t>(part));
    });
  };
  return kernel;
}

std::optional<Kernel> bf16_weight_gradient(const Conv2DGeometry& g, const Signature& s, int threads) {
  if (!all_bf16(s)) return std::nullopt;
  const std::size_t partial = aligned(static_cast<std::size_t>(g.kernel_size()) * sizeof(float));
  if (kernels::depthwise_applies_to_bf16(g))
    return summed_weight_gradient(static_cast<std::size_t>(kernels::depthwise_forward_units(g)), 1, partial, partial,
                                  threads, [g](Index first, Index last, const Buffers& io, float* sums, std::byte*) {
                                    kernels::depthwise_weight_gradient(g, first, last, io.in<BFloat16>(0).data(),
                                                                       io.in<BFloat16>(1).data(), sums);
                                  });
  if (!suits(g, kernels::conv2d_weight_gradient_algorithm(g))) return std::nullopt;
  return summed_weight_gradient(static_cast<std::size_t>(g.batch * g.out_height * g.out_width), position_grain, partial,
                                partial + aligned(kernels::conv_bf16_weight_scratch_bytes(g)), threads,
                                [g](Index first, Index last, const Buffers& io, float* sums, std::byte* room) {
                                  kernels::conv_bf16_weight_gradient(g, first, last, io.in<BFloat16>(0).data(),
                                                                     io.in<BFloat16>(1).data(), sums, room);
                                });
}

}  // namespace strata
