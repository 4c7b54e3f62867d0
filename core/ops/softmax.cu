#include "core/cuda/element_types.h"
#include "core/cuda/rows.h"
#include "core/kernels/math_functions.h"
#include "core/ops/reduce_stages.h"
#include "core/ops/softmax.h"

namespace strata {

namespace {
// Each member of a team reads and writes elements of its own only, so results may be written over inputs.

template <class T>
struct SoftmaxLine {
  const T* x;
  T* y;
  cuda::Lines lines;
  bool logarithm;  ///< of the result

  SoftmaxLine(const Buffers& io, const cuda::Lines& l, bool log)
      : x(io.in<T>(0).data()), y(io.out<T>(0).data()), lines(l), logarithm(log) {}
  STRATA_DEVICE void operator()(std::int64_t line, const cuda::Team& team) const {
    using A = tiles::Arithmetic<T>;
    const std::int64_t start = lines.start(line), inner = lines.inner, n = lines.length;
    const auto read = [from = x + start, inner](std::int64_t i) { return tiles::load(from[i * inner]); };
    const A shift = cuda::largest_over<A>(team, n, read);
    const A sum = cuda::sum_over<A>(team, n, [=](std::int64_t i) { return math::exp(read(i) - shift); });
    const A scale = A(1) / sum, log_sum = math::log(sum);
    cuda::transfer_over(team, n, read, [=, to = y + start, logarithm_ = logarithm](std::int64_t i, A value) {
      const A centered = value - shift;
      to[i * inner] = tiles::store<T>(logarithm_ ? centered - log_sum : math::exp(centered) * scale);
    });
  }
};

template <class T>
struct GradientLine {
  const T *g, *y;
  T* dx;
  cuda::Lines lines;

  GradientLine(const Buffers& io, const cuda::Lines& l)
      : g(io.in<T>(0).data()), y(io.in<T>(1).data()), dx(io.out<T>(0).data()), lines(l) {}
  template <class A>
  struct Pair {
    A g, y;
  };
  STRATA_DEVICE void operator()(std::int64_t line, const cuda::Team& team) const {
    using A = tiles::Arithmetic<T>;
    const std::int64_t start = lines.start(line), inner = lines.inner;
    const auto read = [from_g = g + start, from_y = y + start, inner](std::int64_t i) {
      return Pair<A>{tiles::load(from_g[i * inner]), tiles::load(from_y[i * inner])};
    };
    const A dot = cuda::sum_over<A>(team, lines.length, [=](std::int64_t i) {
      const auto p = read(i);
      return p.g * p.y;
    });
    cuda::transfer_over(team, lines.length, read, [=, to = dx + start](std::int64_t i, const Pair<A>& p) {
      to[i * inner] = tiles::store<T>(p.y * (p.g - dot));
    });
  }
};

/// Body<T>(io, lines, options...) for every line along the axis.
template <template <class> class Body, class... Options>
Kernel line_kernel(const Signature& s, std::int64_t axis, std::string_view name, Options... options) {
  const reduction::Stage stage = reduction::stage_along(s.inputs[0].shape, axis, name);
  const cuda::Lines lines{static_cast<std::int64_t>(stage.reduced), static_cast<std::int64_t>(stage.inner)};
  const auto count = static_cast<std::int64_t>(stage.results());
  Kernel kernel;
  for (std::size_t i = 0; i < s.inputs.size(); ++i) kernel.in_place.push_back({static_cast<int>(i), 0});
  kernel.launch = [=](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() {
      cuda::for_rows(gpu, count, cuda::line_width(count, lines), Body<T>(io, lines, options...));
    });
  };
  return kernel;
}
}  // namespace

std::optional<Kernel> Softmax::prepare(const CudaTarget&, const Signature& s) const {
  return line_kernel<SoftmaxLine>(s, axis, name, false);
}
std::optional<Kernel> LogSoftmax::prepare(const CudaTarget&, const Signature& s) const {
  return line_kernel<SoftmaxLine>(s, axis, name, true);
}
std::optional<Kernel> SoftmaxGradient::prepare(const CudaTarget&, const Signature& s) const {
  return line_kernel<GradientLine>(s, axis, name);
}

}  // namespace strata
