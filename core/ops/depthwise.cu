#include <algorithm>

#include "core/cuda/element_types.h"
#include "core/cuda/launch.h"
#include "core/graph/tile_loops.h"
#include "core/ops/conv_common.h"
#include "core/ops/depthwise_cuda.h"

namespace strata::depthwise_cuda {

namespace {
constexpr int most_taps = 49;  // 7 x 7
// A partial sum of the weight gradient covers so many rows of the output: short sums, and enough of them to fill a GPU.
constexpr std::int64_t rows_per_part = 16;

struct Geometry {
  int batch, in_height, in_width, channels, out_height, out_width, filters, multiplier;
  int kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width, pad_top, pad_left;
  STRATA_HD int taps() const { return kernel_height * kernel_width; }
};

Geometry geometry_of(const Window2D& w, const Shape& x, const Shape& kernel) {
  const auto out = conv_detail::output_size(w, x, kernel);
  const auto narrow = [](std::int64_t n) { return static_cast<int>(n); };
  return {narrow(x[0]),
          narrow(x[1]),
          narrow(x[2]),
          narrow(x[3]),
          narrow(out[0]),
          narrow(out[1]),
          narrow(kernel[3]),
          narrow(kernel[3] / x[3]),
          narrow(kernel[0]),
          narrow(kernel[1]),
          narrow(w.strides[0]),
          narrow(w.strides[1]),
          narrow(w.dilation[0]),
          narrow(w.dilation[1]),
          narrow(conv_detail::padding_before(w, x, kernel, 0)),
          narrow(conv_detail::padding_before(w, x, kernel, 1))};
}

/// Position in [N,H,W,C] of element i.
struct Place {
  int n, row, column, channel;
};
STRATA_HD inline Place place_of(std::int64_t i, int height, int width, int channels) {
  const std::int64_t pixel = i / channels;
  const auto line = pixel / width;
  return {static_cast<int>(line / height), static_cast<int>(line % height), static_cast<int>(pixel - line * width),
          static_cast<int>(i - pixel * channels)};
}

template <class T>
struct ForwardElement {
  Geometry g;
  const T *x, *w, *bias;
  T* y;
  bool relu;
  STRATA_HD void operator()(std::int64_t i) const {
    const Place p = place_of(i, g.out_height, g.out_width, g.filters);
    const int channel = p.channel / g.multiplier;
    tiles::Arithmetic<T> sum = bias != nullptr ? tiles::load(bias[p.channel]) : tiles::Arithmetic<T>{};
    for (int a = 0; a < g.kernel_height; ++a) {
      const int row = p.row * g.stride_height - g.pad_top + a * g.dilation_height;
      if (row < 0 || row >= g.in_height) continue;
      for (int b = 0; b < g.kernel_width; ++b) {
        const int column = p.column * g.stride_width - g.pad_left + b * g.dilation_width;
        if (column < 0 || column >= g.in_width) continue;
        const std::int64_t at =
            ((static_cast<std::int64_t>(p.n) * g.in_height + row) * g.in_width + column) * g.channels + channel;
        sum += tiles::load(x[at]) * tiles::load(w[(a * g.kernel_width + b) * g.filters + p.channel]);
      }
    }
    y[i] = tiles::store<T>(relu && sum < 0 ? tiles::Arithmetic<T>{} : sum);
  }
};

template <class T>
struct DataGradientElement {
  Geometry g;
  const T *dy, *w;
  T* dx;
  STRATA_HD void operator()(std::int64_t i) const {
    const Place p = place_of(i, g.in_height, g.in_width, g.channels);
    tiles::Arithmetic<T> sum{};
    for (int a = 0; a < g.kernel_height; ++a) {
      const int row = p.row + g.pad_top - a * g.dilation_height;
      if (row < 0 || row % g.stride_height != 0 || row / g.stride_height >= g.out_height) continue;
      for (int b = 0; b < g.kernel_width; ++b) {
        const int column = p.column + g.pad_left - b * g.dilation_width;
        if (column < 0 || column % g.stride_width != 0 || column / g.stride_width >= g.out_width) continue;
        const std::int64_t pixel =
            (static_cast<std::int64_t>(p.n) * g.out_height + row / g.stride_height) * g.out_width +
            column / g.stride_width;
        for (int j = 0; j < g.multiplier; ++j) {
          const int filter = p.channel * g.multiplier + j;
          sum += tiles::load(dy[pixel * g.filters + filter]) *
                 tiles::load(w[(a * g.kernel_width + b) * g.filters + filter]);
        }
      }
    }
    dx[i] = tiles::store<T>(sum);
  }
};

/// The sums of one filter over some rows of the output, all positions of the kernel at once: dy is read once.
template <class T, class A, int taps>
struct WeightGradientPart {
  Geometry g;
  const T *x, *dy;
  A* parts;  // [part, taps, filters]
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t part = i / g.filters;
    const int filter = static_cast<int>(i - part * g.filters), channel = filter / g.multiplier;
    A sums[taps] = {};
    const std::int64_t lines = static_cast<std::int64_t>(g.batch) * g.out_height;
    const std::int64_t end = (part + 1) * rows_per_part < lines ? (part + 1) * rows_per_part : lines;
    for (std::int64_t line = part * rows_per_part; line < end; ++line) {
      const std::int64_t n = line / g.out_height;
      const int top = static_cast<int>(line - n * g.out_height) * g.stride_height - g.pad_top;
      for (int column = 0; column < g.out_width; ++column) {
        const A slope = tiles::load(dy[(line * g.out_width + column) * g.filters + filter]);
        const int left = column * g.stride_width - g.pad_left;
        int a = 0, b = 0;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
        for (int tap = 0; tap < taps; ++tap) {
          const int row = top + a * g.dilation_height, at = left + b * g.dilation_width;
          if (a < g.kernel_height && row >= 0 && row < g.in_height && at >= 0 && at < g.in_width)
            sums[tap] += slope * tiles::load(x[((n * g.in_height + row) * g.in_width + at) * g.channels + channel]);
          if (++b == g.kernel_width) {
            b = 0;
            ++a;
          }
        }
      }
    }
    for (int tap = 0; tap < taps; ++tap)
      if (tap < g.taps()) parts[(part * g.taps() + tap) * g.filters + filter] = sums[tap];
  }
};

template <class T, class A>
struct SumParts {
  const A* parts;
  T* dw;
  std::int64_t count, size;
  STRATA_HD void operator()(std::int64_t i) const {
    A sum{};
    for (std::int64_t p = 0; p < count; ++p) sum += parts[p * size + i];
    dw[i] = tiles::store<T>(sum);
  }
};

Kernel zeros() {
  return {.run = {}, .in_place = {}, .launch = [](Cuda& gpu, const Buffers& io) {
            cuda::fill_bytes(io.out_raw()[0], 0, io.out_type(0).bytes(), gpu.stream());
          }};
}
}  // namespace

bool takes(const Window2D& w, const Shape& x, const Shape& kernel) {
  constexpr std::int64_t most = std::int64_t{1} << 31;
  return w.groups == x[3] && kernel[2] == 1 && kernel[0] * kernel[1] <= most_taps &&
         std::ranges::max(x.dims()) < most && kernel[3] < most;
}

Kernel forward(const Window2D& w, const Epilogue& epilogue, const Signature& s) {
  if (conv_detail::is_empty(s)) return zeros();
  Kernel kernel;
  kernel.launch = [g = geometry_of(w, s.inputs[0].shape, s.inputs[1].shape), epilogue](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
      cuda::for_each(
          gpu, io.out_type(0).shape.elements(),
          ForwardElement<T>{g, io.in<T>(0).data(), io.in<T>(1).data(), epilogue.bias ? io.in<T>(2).data() : nullptr,
                            io.out<T>(0).data(), epilogue.relu});
    });
  };
  return kernel;
}

Kernel data_gradient(const Window2D& w, const Shape& x, const Signature& s) {
  if (conv_detail::is_empty(s)) return zeros();
  Kernel kernel;
  kernel.launch = [g = geometry_of(w, x, s.inputs[1].shape)](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
      cuda::for_each(gpu, io.out_type(0).shape.elements(),
                     DataGradientElement<T>{g, io.in<T>(0).data(), io.in<T>(1).data(), io.out<T>(0).data()});
    });
  };
  return kernel;
}

Kernel weight_gradient(const Window2D& w, const Shape& kernel_shape, const Signature& s) {
  if (conv_detail::is_empty(s)) return zeros();
  const Geometry g = geometry_of(w, s.inputs[0].shape, kernel_shape);
  const std::int64_t lines = static_cast<std::int64_t>(g.batch) * g.out_height,
                     count = (lines + rows_per_part - 1) / rows_per_part;
  const std::int64_t size = kernel_shape.elements();
  Kernel kernel;
  kernel.scratch_bytes =
      static_cast<std::size_t>(count * size) * (s.inputs[0].dtype == DType::f64 ? sizeof(double) : sizeof(float));
  kernel.launch = [g, count, size](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
      using A = tiles::Arithmetic<T>;
      auto* parts = io.scratch<A>();
      const auto sum = [&]<int taps>(std::integral_constant<int, taps>) {
        cuda::for_each(gpu, count * g.filters,
                       WeightGradientPart<T, A, taps>{g, io.in<T>(0).data(), io.in<T>(1).data(), parts});
      };
      if (g.taps() <= 9)
        sum(std::integral_constant<int, 9>{});
      else if (g.taps() <= 25)
        sum(std::integral_constant<int, 25>{});
      else
        sum(std::integral_constant<int, most_taps>{});
      cuda::for_each(gpu, size, SumParts<T, A>{parts, io.out<T>(0).data(), count, size});
    });
  };
  return kernel;
}

}  // namespace strata::depthwise_cuda
