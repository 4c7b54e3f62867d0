#include "core/cuda/element_types.h"
#include "core/cuda/rows.h"
#include "core/kernels/elements.h"
#include "core/ops/resize_table.h"

namespace strata {

namespace {
using kernels::Index;

/// A table in the device's memory.
template <class A>
struct Axis {
  Index given, size, taps;
  Tensor first, weights;

  Axis(const resizing::Table& table, Device device)
      : given(table.given),
        size(table.size),
        taps(table.taps),
        first(Tensor::from({size}, table.first).to(device)),
        weights(Tensor::from({size * taps}, std::vector<A>(table.weights.begin(), table.weights.end())).to(device)) {}
};

/// The same as a body reads it.
template <class A>
struct AxisView {
  Index given, size, taps;
  const std::int32_t* first;
  const A* weights;
  explicit AxisView(const Axis<A>& axis)
      : given(axis.given),
        size(axis.size),
        taps(axis.taps),
        first(reinterpret_cast<const std::int32_t*>(axis.first.raw())),
        weights(reinterpret_cast<const A*>(axis.weights.raw())) {}
};

/// One element of the result.
template <class From, class T, class A>
struct Weighted {
  AxisView<A> rows, columns;
  Index channels;
  const From* x;
  T* y;

  STRATA_HD void operator()(std::int64_t index) const {
    const Index pixel = cuda::quotient(index, channels), line = cuda::quotient(pixel, columns.size);
    const Index image = cuda::quotient(line, rows.size);
    const Index c = index - pixel * channels, j = pixel - line * columns.size, i = line - image * rows.size;
    A sum = 0;
    for (Index t = 0; t < rows.taps; ++t) {
      const A weight = rows.weights[i * rows.taps + t];
      const From* const row =
          x + ((image * rows.given + rows.first[i] + t) * columns.given + columns.first[j]) * channels + c;
      A in_row = 0;
      for (Index u = 0; u < columns.taps; ++u)
        in_row += columns.weights[j * columns.taps + u] * static_cast<A>(tiles::load(row[u * channels]));
      sum += weight * in_row;
    }
    y[index] = tiles::store<T>(sum);
  }
};

template <class From, class T, class A>
Kernel weighted(const CudaTarget& target, const Signature& s, const resizing::Tables& tables) {
  const Device device{DeviceKind::gpu, target.device};
  return Kernel{.run = {},
                .in_place = {},
                .launch = [rows = Axis<A>(tables.rows, device), columns = Axis<A>(tables.columns, device),
                           channels = static_cast<Index>(s.inputs[0].shape[3])](Cuda& gpu, const Buffers& io) {
                  cuda::for_each(gpu, io.out_type(0).shape.elements(),
                                 Weighted<From, T, A>{AxisView<A>(rows), AxisView<A>(columns), channels,
                                                      io.in<From>(0).data(), io.out<T>(0).data()});
                }};
}

Kernel weighted_of(const CudaTarget& target, const Signature& s, const resizing::Tables& tables) {
  switch (s.inputs[0].dtype) {
    case DType::f64:
      return weighted<double, double, double>(target, s, tables);
    case DType::f16:
      return weighted<Half, Half, float>(target, s, tables);
    case DType::bf16:
      return weighted<BFloat16, BFloat16, float>(target, s, tables);
    case DType::u8:
      return weighted<std::uint8_t, float, float>(target, s, tables);
    default:
      return weighted<float, float, float>(target, s, tables);
  }
}
/// An element of the one pixel that a position looks at, whatever its type.
template <class E>
struct Picked {
  AxisView<float> rows, columns;
  Index channels;
  const E* x;
  E* y;

  STRATA_HD void operator()(std::int64_t index) const {
    const Index pixel = cuda::quotient(index, channels), line = cuda::quotient(pixel, columns.size);
    const Index image = cuda::quotient(line, rows.size);
    const Index c = index - pixel * channels, j = pixel - line * columns.size, i = line - image * rows.size;
    y[index] = x[((image * rows.given + rows.first[i]) * columns.given + columns.first[j]) * channels + c];
  }
};

template <class E>
Kernel picked(const CudaTarget& target, const Signature& s, const resizing::Tables& tables) {
  const Device device{DeviceKind::gpu, target.device};
  return Kernel{.run = {},
                .in_place = {},
                .launch = [rows = Axis<float>(tables.rows, device), columns = Axis<float>(tables.columns, device),
                           channels = static_cast<Index>(s.inputs[0].shape[3])](Cuda& gpu, const Buffers& io) {
                  cuda::for_each(gpu, io.out_type(0).shape.elements(),
                                 Picked<E>{AxisView<float>(rows), AxisView<float>(columns), channels,
                                           static_cast<const E*>(io.in_raw()[0]), static_cast<E*>(io.out_raw()[0])});
                }};
}

Kernel picked_of(const CudaTarget& target, const Signature& s, const resizing::Tables& tables) {
  switch (size_of(s.inputs[0].dtype)) {
    case 8:
      return picked<std::uint64_t>(target, s, tables);
    case 4:
      return picked<std::uint32_t>(target, s, tables);
    case 2:
      return picked<std::uint16_t>(target, s, tables);
    default:
      return picked<std::uint8_t>(target, s, tables);
  }
}
}  // namespace

std::optional<Kernel> ResizeImages::prepare(const CudaTarget& target, const Signature& s) const {
  const resizing::Tables tables = resizing::tables_of(*this, s);
  return interpolation == Interpolation::nearest ? picked_of(target, s, tables) : weighted_of(target, s, tables);
}

std::optional<Kernel> ResizeImagesGradient::prepare(const CudaTarget& target, const Signature& s) const {
  return weighted_of(target, s, resizing::tables_of(*this, s));
}

}  // namespace strata
