#include "core/cuda/element_types.h"
#include "core/cuda/rows.h"
#include "core/kernels/elements.h"
#include "core/ops/pool_geometry.h"

namespace strata {

namespace {
using kernels::Index;
using Geometry = kernels::Pool2DGeometry;
template <class T>
using Arithmetic = tiles::Arithmetic<T>;

/// An element of [N, height, width, channels], by its number.
struct Place {
  Index image, row, column, channel;

  STRATA_HD Place(Index i, Index height, Index width, Index channels) {
    const Index pixel = cuda::quotient(i, channels), line = cuda::quotient(pixel, width);
    channel = i - pixel * channels;
    column = pixel - line * width;
    image = cuda::quotient(line, height);
    row = line - image * height;
  }
};

/// The windows along one axis that look at a position: first to before end.
struct Windows {
  Index first, end;
};
STRATA_HD inline Windows windows_at(Index position, Index in, Index out, Index window, Index stride, Index pad,
                                    bool adaptive) {
  if (adaptive) return {cuda::quotient(position * out, in), cuda::quotient((position + 1) * out + in - 1, in)};
  const Index last = position + pad, before = last - window;  // windows that begin at `before` or earlier end too soon
  const Index end = cuda::quotient(last, stride) + 1;
  return {before < 0 ? 0 : cuda::quotient(before, stride) + 1, end < out ? end : out};
}
STRATA_HD inline Windows row_windows(const Geometry& g, Index row) {
  return windows_at(row, g.in_height, g.out_height, g.window_height, g.stride_height, g.pad_top, g.adaptive);
}
STRATA_HD inline Windows column_windows(const Geometry& g, Index column) {
  return windows_at(column, g.in_width, g.out_width, g.window_width, g.stride_width, g.pad_left, g.adaptive);
}

/// f(offset in x) for the positions of window (i, j), rows first, up to the one at which f says to stop.
template <class F>
STRATA_HD inline void for_window(const Geometry& g, const Place& at, Index i, Index j, F f) {
  const Geometry::Span rows = g.rows(i), columns = g.columns(j);
  const Index first = ((at.image * g.in_height + rows.first) * g.in_width + columns.first) * g.channels + at.channel;
  for (Index p = 0; p < rows.size; ++p)
    for (Index q = 0; q < columns.size; ++q)
      if (!f(first + (p * g.in_width + q) * g.channels)) return;
}
/// f(i, j, offset in y) for the windows that look at a position of x.
template <class F>
STRATA_HD inline void for_windows_of(const Geometry& g, const Place& at, F f) {
  const Windows rows = row_windows(g, at.row), columns = column_windows(g, at.column);
  for (Index i = rows.first; i < rows.end; ++i)
    for (Index j = columns.first; j < columns.end; ++j)
      f(i, j, ((at.image * g.out_height + i) * g.out_width + j) * g.channels + at.channel);
}

template <class T>
struct MaxForward {
  Geometry g;
  const T* x;
  T* y;

  MaxForward(const Geometry& geometry, const Buffers& io)
      : g(geometry), x(io.in<T>(0).data()), y(io.out<T>(0).data()) {}
  Index count() const { return g.batch * g.out_image(); }
  STRATA_HD void operator()(std::int64_t index) const {
    const Place at(index, g.out_height, g.out_width, g.channels);
    Arithmetic<T> top = -Arithmetic<T>(math::detail::infinity());
    for_window(g, at, at.row, at.column, [&top, from = x](Index i) {
      top = math::maximum(top, tiles::load(from[i]));
      return true;
    });
    y[index] = tiles::store<T>(top);
  }
};

/// Each position of x asks the windows that look at it whether it is their first maximum: nothing is added by two
/// threads.
template <class T>
struct MaxBackward {
  Geometry g;
  const T *x, *y, *dy;
  T* dx;

  MaxBackward(const Geometry& geometry, const Buffers& io)
      : g(geometry), x(io.in<T>(0).data()), y(io.in<T>(1).data()), dy(io.in<T>(2).data()), dx(io.out<T>(0).data()) {}
  Index count() const { return g.batch * g.in_image(); }
  STRATA_HD void operator()(std::int64_t index) const {
    const Place at(index, g.in_height, g.in_width, g.channels);
    Arithmetic<T> sum = 0;
    for_windows_of(g, at, [&, this](Index i, Index j, Index window) {
      const Arithmetic<T> top = tiles::load(y[window]);
      Index first = -1;
      if (!is_top(index, top)) return;
      for_window(g, at, i, j, [&, this](Index other) {
        if (is_top(other, top)) first = other;
        return first < 0;
      });
      if (first == index) sum += tiles::load(dy[window]);
    });
    dx[index] = tiles::store<T>(sum);
  }
  STRATA_HD bool is_top(Index i, Arithmetic<T> top) const {
    const Arithmetic<T> value = tiles::load(x[i]);
    return value == top || (value != value && top != top);
  }
};

template <class T>
struct AverageForward {
  Geometry g;
  const T* x;
  T* y;

  AverageForward(const Geometry& geometry, const Buffers& io)
      : g(geometry), x(io.in<T>(0).data()), y(io.out<T>(0).data()) {}
  Index count() const { return g.batch * g.out_image(); }
  STRATA_HD void operator()(std::int64_t index) const {
    const Place at(index, g.out_height, g.out_width, g.channels);
    Arithmetic<T> sum = 0;
    for_window(g, at, at.row, at.column, [&sum, from = x](Index i) {
      sum += tiles::load(from[i]);
      return true;
    });
    y[index] = tiles::store<T>(sum / static_cast<Arithmetic<T>>(g.rows(at.row).size * g.columns(at.column).size));
  }
};

template <class T>
struct AverageBackward {
  Geometry g;
  const T* dy;
  T* dx;

  AverageBackward(const Geometry& geometry, const Buffers& io)
      : g(geometry), dy(io.in<T>(0).data()), dx(io.out<T>(0).data()) {}
  Index count() const { return g.batch * g.in_image(); }
  STRATA_HD void operator()(std::int64_t index) const {
    const Place at(index, g.in_height, g.in_width, g.channels);
    Arithmetic<T> sum = 0;
    for_windows_of(g, at, [&, this](Index i, Index j, Index window) {
      sum += tiles::load(dy[window]) / static_cast<Arithmetic<T>>(g.rows(i).size * g.columns(j).size);
    });
    dx[index] = tiles::store<T>(sum);
  }
};

/// Body<T>(geometry, io) for each of its count() elements.
template <template <class> class Body>
Kernel pool_kernel(const Geometry& g) {
  Kernel kernel;
  kernel.launch = [g](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
      const Body<T> body(g, io);
      cuda::for_each(gpu, body.count(), body);
    });
  };
  return kernel;
}
}  // namespace

std::optional<Kernel> MaxPool2D::prepare(const CudaTarget&, const Signature& s) const {
  return pool_kernel<MaxForward>(pooling::geometry_of(window, s.inputs[0].shape));
}
std::optional<Kernel> MaxPool2DGradient::prepare(const CudaTarget&, const Signature& s) const {
  return pool_kernel<MaxBackward>(pooling::geometry_of(window, s.inputs[0].shape));
}
std::optional<Kernel> AveragePool2D::prepare(const CudaTarget&, const Signature& s) const {
  return pool_kernel<AverageForward>(pooling::geometry_of(window, s.inputs[0].shape));
}
std::optional<Kernel> AveragePool2DGradient::prepare(const CudaTarget&, const Signature&) const {
  return pool_kernel<AverageBackward>(pooling::geometry_of(window, input));
}

}  // namespace strata
