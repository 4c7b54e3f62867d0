#include <array>

#include "core/cuda/alignment.h"
#include "core/kernels/math_basic.h"
#include "core/ops/batch_norm.h"
#include "core/ops/batch_norm_cuda.h"

// Two sweeps over the columns of g and x [rows, channels]: for the sums of parts, which are then added for each
// channel, and for the gradient of x. Where a ReLU follows, both ask again what it let through, so that nobody keeps y
// for them.
namespace strata {

namespace {
using norm::AddSums, norm::Affine, norm::Arithmetic, norm::Sums, norm::TwoPacks, norm::Vector, norm::WrittenVector;

/// dx = slope g + (constant + linear (x - mean)).
template <class A>
struct GradientTerms {
  A mean, slope, constant, linear;
};

/// What a ReLU that follows let through. In mixed precision, where vectors are f32 beside narrow images, it saw what
/// was rounded already; the op by itself is computed in f32.
template <class A>
struct Passing {
  A ceiling;
  bool relu, rounded;
  template <class T>
  STRATA_DEVICE bool operator()(const Affine<A>& affine, T x) const {
    const A wide = affine(tiles::load(x)), y = rounded ? tiles::load(tiles::store<T>(wide)) : wide;
    return !relu || (y > A(0) && y <= ceiling);
  }
};

template <class T>
struct PartialGradients {
  const T *g, *x;
  Vector<Arithmetic<T>> gamma, mean, variance, beta;  ///< beta: not given without a ReLU
  Sums<Arithmetic<T>>* out;                           ///< [partial rows, channels]
  cuda::Columns columns;
  Arithmetic<T> epsilon;
  Passing<Arithmetic<T>> passes;

  template <int width>
  STRATA_DEVICE void visit(const cuda::Visit& v) const {
    using A = Arithmetic<T>;
    constexpr std::int64_t block_packs = 128;  // join the rest together, so that long sums keep their digits
    Affine<A> of[width];
    A inverse[width];
    Sums<A> total[width];
    for (int k = 0; k < width; ++k) {
      const std::int64_t channel = columns.channel(v.column + k);
      inverse[k] = math::rsqrt(variance[channel] + epsilon);
      of[k] = {mean[channel], gamma[channel] * inverse[k], passes.relu ? beta[channel] : A(0)};
    }
    for (std::int64_t start = v.first; start < v.last; start += block_packs * v.step) {
      const std::int64_t end = start + block_packs * v.step < v.last ? start + block_packs * v.step : v.last;
      Sums<A> block[width];
      cuda::transfer(
          start, end, v.step,
          [&](std::int64_t i) {
            return TwoPacks<T, width>{tiles::load_pack<width>(g + i * width), tiles::load_pack<width>(x + i * width)};
          },
          [&](std::int64_t, const TwoPacks<T, width>& in) {
            for (int k = 0; k < width; ++k) {
              const T at = in.second.at[k];
              const A slope = passes(of[k], at) ? tiles::load(in.first.at[k]) : A(0);
              block[k] = {block[k].g + slope, block[k].g_normal + slope * (tiles::load(at) - of[k].mean)};
            }
          });
      for (int k = 0; k < width; ++k) total[k] = AddSums{}(total[k], block[k]);
    }
    for (int k = 0; k < width; ++k) out[v.result + k] = {total[k].g, total[k].g_normal * inverse[k]};
  }
};

/// With n rows: dx = gamma inverse (g - dbeta / n - normal dgamma / n).
template <class A>
struct FinishGradients {
  const Sums<A>* parts;
  cuda::Columns columns;
  Vector<A> gamma, mean, variance;
  WrittenVector<A> dgamma, dbeta;
  GradientTerms<A>* terms;
  A epsilon;

  STRATA_DEVICE void operator()(std::int64_t channel, const cuda::Team& team) const {
    const Sums<A> all = cuda::combined_parts(team, columns, parts, channel, AddSums{});
    if (team.rank() != 0) return;
    const A n = static_cast<A>(columns.rows()), inverse = math::rsqrt(variance[channel] + epsilon);
    const A slope = gamma[channel] * inverse;
    dbeta.set(channel, all.g);
    dgamma.set(channel, all.g_normal);
    terms[channel] = {mean[channel], slope, -slope * all.g / n, -slope * inverse * all.g_normal / n};
  }
};

template <class T>
struct InputGradient {
  const T *g, *x;
  const GradientTerms<Arithmetic<T>>* terms;
  Vector<Arithmetic<T>> beta;  ///< not given without a ReLU
  T* dx;
  cuda::Columns columns;
  Passing<Arithmetic<T>> passes;

  template <int width>
  STRATA_DEVICE void visit(const cuda::Visit& v) const {
    using A = Arithmetic<T>;
    GradientTerms<A> of[width];
    A shift[width];
    for (int k = 0; k < width; ++k) {
      const std::int64_t channel = columns.channel(v.column + k);
      of[k] = terms[channel];
      shift[k] = passes.relu ? beta[channel] : A(0);
    }
    cuda::transfer(
        v.first, v.last, v.step,
        [&](std::int64_t i) {
          return TwoPacks<T, width>{tiles::load_pack<width>(g + i * width), tiles::load_pack<width>(x + i * width)};
        },
        [&](std::int64_t i, const TwoPacks<T, width>& in) {
          tiles::Pack<T, width> out;
          for (int k = 0; k < width; ++k) {
            const T at = in.second.at[k];
            const Affine<A> affine{of[k].mean, of[k].slope, shift[k]};
            const A slope = passes(affine, at) ? tiles::load(in.first.at[k]) : A(0);
            out.at[k] =
                tiles::store<T>(of[k].slope * slope + (of[k].constant + of[k].linear * (tiles::load(at) - of[k].mean)));
          }
          tiles::store_pack(dx + i * width, out);
        });
  }
};

template <class T>
void batch_backward(Cuda& gpu, const Buffers& io, const BatchNormGradient& op) {
  using A = Arithmetic<T>;
  constexpr int width = norm::pack_width(sizeof(T));
  const cuda::Columns in = norm::reading(io.in_type(1).shape, width), out = norm::writing(io.in_type(1).shape, width);
  const T *g = io.in<T>(0).data(), *x = io.in<T>(1).data();
  const Vector<A> gamma(io, 2), mean(io, 3), variance(io, 4), beta = op.relu ? Vector<A>(io, 5) : Vector<A>();
  auto* terms = io.scratch<GradientTerms<A>>();
  auto* sums = reinterpret_cast<Sums<A>*>(terms + in.channels());
  const A epsilon = static_cast<A>(op.epsilon);
  const bool mixed = io.in_type(2).dtype != io.in_type(1).dtype;
  const Passing<A> passes{static_cast<A>(op.ceiling), op.relu, mixed};
  cuda::for_columns<width>(gpu, in, PartialGradients<T>{g, x, gamma, mean, variance, beta, sums, in, epsilon, passes});
  cuda::for_channels(gpu, in, FinishGradients<A>{sums, in, gamma, mean, variance, {io, 1}, {io, 2}, terms, epsilon});
  cuda::for_columns<width>(gpu, out, InputGradient<T>{g, x, terms, beta, io.out<T>(0).data(), out, passes});
}
}  // namespace

std::optional<Kernel> BatchNormGradient::prepare(const CudaTarget&, const Signature& s) const {
  Kernel kernel;
  kernel.scratch_bytes = norm::scratch_bytes(s.inputs[1], 4, 2);
  kernel.in_place = {{0, 0}, {1, 0}};
  kernel.launch = [op = *this](Cuda& gpu, const Buffers& io) {
    const void *g = io.in_raw()[0], *x = io.in_raw()[1], *dx = io.out_raw()[0];
    cuda::expect_aligned(std::string(name), std::array{g, x, dx});
    cuda::dispatch_floating(io.in_type(1).dtype, [&]<class T>() { batch_backward<T>(gpu, io, op); });
  };
  return kernel;
}

}  // namespace strata
