#include "core/kernels/math_basic.h"
#include "core/ops/batch_norm.h"
#include "core/ops/norm_columns.h"

// Layer norm gives each row of x [rows, channels] to a team; its gradients of gamma and beta are sums over columns.
namespace strata {

namespace {
using norm::Arithmetic, norm::AddSums, norm::Normal, norm::Sums;

template <class A>
struct GradientAndInput {
  A g, x;
};

/// The statistics of a row of x, known to every member of the team.
template <class T>
STRATA_DEVICE inline Normal<Arithmetic<T>> normal_of_row(const cuda::Team& team, const T* x, std::int64_t n,
                                                         Arithmetic<T> epsilon) {
  using A = Arithmetic<T>;
  const A mean = cuda::sum_over<A>(team, n, [=](std::int64_t i) { return tiles::load(x[i]); }) / static_cast<A>(n);
  const A squares = cuda::sum_over<A>(team, n, [=](std::int64_t i) {
    const A apart = tiles::load(x[i]) - mean;
    return apart * apart;
  });
  return {mean, math::rsqrt(squares / static_cast<A>(n) + epsilon)};
}

template <class T>
struct LayerForward {
  const T *x, *gamma, *beta;
  T* y;
  std::int64_t channels;
  Arithmetic<T> epsilon;

  STRATA_DEVICE void operator()(std::int64_t row, const cuda::Team& team) const {
    using A = Arithmetic<T>;
    const T* from = x + row * channels;
    const Normal<A> normal = normal_of_row(team, from, channels, epsilon);
    cuda::transfer_over(
        team, channels, [=](std::int64_t i) { return tiles::load(from[i]); },
        [=, this, to = y + row * channels](std::int64_t i, A value) {
          to[i] = tiles::store<T>(normal(value) * tiles::load(gamma[i]) + tiles::load(beta[i]));
        });
  }
};

/// dx of a row, whose statistics it leaves for the gradients of gamma and beta.
template <class T>
struct LayerGradient {
  const T *g, *x, *gamma;
  T* dx;
  Normal<Arithmetic<T>>* rows;
  std::int64_t channels;
  Arithmetic<T> epsilon;

  STRATA_DEVICE void operator()(std::int64_t row, const cuda::Team& team) const {
    using A = Arithmetic<T>;
    const T *from_g = g + row * channels, *from_x = x + row * channels;
    const Normal<A> normal = normal_of_row(team, from_x, channels, epsilon);
    const auto scaled = [=, this](std::int64_t i) { return tiles::load(from_g[i]) * tiles::load(gamma[i]); };
    const Sums<A> own = cuda::fold(Sums<A>{}, AddSums{}, team.rank(), channels, team.size(), [=](std::int64_t i) {
      return Sums<A>{scaled(i), scaled(i) * normal(tiles::load(from_x[i]))};
    });
    const Sums<A> all = team.reduce(own, AddSums{});
    const A n = static_cast<A>(channels);
    const Sums<A> mean{all.g / n, all.g_normal / n};
    cuda::transfer_over(
        team, channels,
        [=](std::int64_t i) {
          return GradientAndInput<A>{scaled(i), tiles::load(from_x[i])};
        },
        [=, to = dx + row * channels](std::int64_t i, const GradientAndInput<A>& at) {
          to[i] = tiles::store<T>(normal.inverse * (at.g - mean.g - normal(at.x) * mean.g_normal));
        });
    if (team.rank() == 0) rows[row] = normal;
  }
};

/// Gradients of gamma and beta over a part of a column; x is normalized by its row's statistics.
template <class T>
struct PartialSums {
  const T *g, *x;
  const Normal<Arithmetic<T>>* rows;
  Sums<Arithmetic<T>>* out;  ///< [parts, channels]
  cuda::Columns columns;

  template <int width>
  STRATA_DEVICE void visit(const cuda::Visit& v) const {
    static_assert(width == 1, "elements of a pack may belong to several rows");
    using A = Arithmetic<T>;
    const std::int64_t channels = columns.channels(), first = cuda::quotient(v.first, channels);
    out[v.result] = cuda::fold(Sums<A>{}, AddSums{}, first, columns.rows(), cuda::quotient(v.step, channels),
                               [=, this](std::int64_t row) {
                                 const std::int64_t at = row * channels + v.column;
                                 const A slope = tiles::load(g[at]);
                                 return Sums<A>{slope, slope * rows[row](tiles::load(x[at]))};
                               });
  }
};

template <class T>
struct AddParts {
  const Sums<Arithmetic<T>>* parts;
  cuda::Columns columns;
  T *dgamma, *dbeta;

  STRATA_DEVICE void operator()(std::int64_t channel, const cuda::Team& team) const {
    const auto all = cuda::combined_parts(team, columns, parts, channel, AddSums{});
    if (team.rank() != 0) return;
    dbeta[channel] = tiles::store<T>(all.g);
    dgamma[channel] = tiles::store<T>(all.g_normal);
  }
};

template <class T>
void layer_forward(Cuda& gpu, const Buffers& io, double e) {
  const cuda::Columns c = norm::reading(io.in_type(0).shape, 1);
  cuda::for_rows(gpu, c.rows(), cuda::row_width(c.channels()),
                 LayerForward<T>{io.in<T>(0).data(), io.in<T>(1).data(), io.in<T>(2).data(), io.out<T>(0).data(),
                                 c.channels(), static_cast<Arithmetic<T>>(e)});
}

template <class T>
void layer_backward(Cuda& gpu, const Buffers& io, double e) {
  using A = Arithmetic<T>;
  const cuda::Columns c = norm::reading(io.in_type(1).shape, 1);
  const T *g = io.in<T>(0).data(), *x = io.in<T>(1).data(), *gamma = io.in<T>(2).data();
  T *dx = io.out<T>(0).data(), *dgamma = io.out<T>(1).data(), *dbeta = io.out<T>(2).data();
  auto* rows = io.scratch<Normal<A>>();
  auto* sums = reinterpret_cast<Sums<A>*>(rows + c.rows());
  cuda::for_rows(gpu, c.rows(), cuda::row_width(c.channels()),
                 LayerGradient<T>{g, x, gamma, dx, rows, c.channels(), static_cast<A>(e)});
  cuda::for_columns<1>(gpu, c, PartialSums<T>{g, x, rows, sums, c});
  cuda::for_channels(gpu, c, AddParts<T>{sums, c, dgamma, dbeta});
}
}  // namespace

std::optional<Kernel> LayerNorm::prepare(const CudaTarget&, const Signature&) const {
  Kernel kernel;
  kernel.in_place = {{0, 0}};
  kernel.launch = [e = epsilon](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() { layer_forward<T>(gpu, io, e); });
  };
  return kernel;
}

std::optional<Kernel> LayerNormGradient::prepare(const CudaTarget&, const Signature& s) const {
  const Type& x = s.inputs[1];
  const cuda::Columns c = norm::reading(x.shape, 1);
  const std::int64_t numbers = 2 * c.rows() + 2 * c.partial_rows() * c.channels();
  Kernel kernel;
  kernel.scratch_bytes = static_cast<std::size_t>(numbers) * (x.dtype == DType::f64 ? sizeof(double) : sizeof(float));
  kernel.launch = [e = epsilon](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() { layer_backward<T>(gpu, io, e); });
  };
  return kernel;
}

}  // namespace strata
