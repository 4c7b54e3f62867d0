#include <array>

#include "core/cuda/alignment.h"
#include "core/kernels/math_basic.h"
#include "core/ops/batch_norm.h"
#include "core/ops/batch_norm_cuda.h"

// Two sweeps over the columns of x [rows, channels]: for the moments of parts, which are then joined for each channel,
// and for what leaves, activation and sum included.
namespace strata {

namespace {
using norm::Affine, norm::Arithmetic, norm::TwoPacks, norm::Vector, norm::WrittenVector;

/// Number, mean and sum of squared deviations of a set of numbers (Welford; Chan, Golub and LeVeque, 1979): no digits
/// are lost to a mean that is large beside the deviations.
template <class A>
struct Moments {
  A count = 0, mean = 0, squares = 0;
};
struct JoinMoments {
  template <class A>
  STRATA_DEVICE Moments<A> operator()(const Moments<A>& a, const Moments<A>& b) const {
    if (b.count == A(0)) return a;
    const A count = a.count + b.count, apart = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share};
  }
};

template <class T>
struct PartialMoments {
  const T* x;
  Moments<Arithmetic<T>>* out;  ///< [partial rows, channels]

  template <class A, int width>
  struct Running {
    A count = 0, mean[width] = {}, squares[width] = {};
  };

  /// Joins the moments of `count` packs: all columns have as many, so that there is one division for all.
  template <int count, class A, int width>
  STRATA_DEVICE static void join(Running<A, width>& all, const tiles::Pack<T, width> (&packs)[count]) {
    const A share = A(count) / (all.count + A(count)), weight = all.count * share;
    for (int k = 0; k < width; ++k) {
      A sum = 0, squares = 0;
      for (int r = 0; r < count; ++r) sum += tiles::load(packs[r].at[k]);
      const A mean = sum / A(count), apart = mean - all.mean[k];
      for (int r = 0; r < count; ++r) {
        const A deviation = tiles::load(packs[r].at[k]) - mean;
        squares += deviation * deviation;
      }
      all.mean[k] += apart * share;
      all.squares[k] += squares + apart * apart * weight;
    }
    all.count += A(count);
  }

  template <int width>
  STRATA_DEVICE void visit(const cuda::Visit& v) const {
    using A = Arithmetic<T>;
    constexpr int at_once = 8;
    Running<A, width> all;
    std::int64_t i = v.first;
    for (; i + (at_once - 1) * v.step < v.last; i += at_once * v.step) {
      tiles::Pack<T, width> packs[at_once];
      for (int r = 0; r < at_once; ++r) packs[r] = tiles::load_pack<width>(x + (i + r * v.step) * width);
      join(all, packs);
    }
    for (; i < v.last; i += v.step) {
      const tiles::Pack<T, width> one[1] = {tiles::load_pack<width>(x + i * width)};
      join(all, one);
    }
    for (int k = 0; k < width; ++k) out[v.result + k] = {all.count, all.mean[k], all.squares[k]};
  }
};

template <class A>
struct FinishMoments {
  const Moments<A>* parts;
  cuda::Columns columns;
  Vector<A> gamma, beta;
  WrittenVector<A> mean, variance;
  Affine<A>* affine;
  A epsilon;

  STRATA_DEVICE void operator()(std::int64_t channel, const cuda::Team& team) const {
    const Moments<A> all = cuda::combined_parts(team, columns, parts, channel, JoinMoments{});
    if (team.rank() != 0) return;
    const A v = all.squares / all.count;
    mean.set(channel, all.mean);
    variance.set(channel, v);
    affine[channel] = {all.mean, gamma[channel] * math::rsqrt(v + epsilon), beta[channel]};
  }
};

template <class T>
struct Normalize {
  const T *x, *more;  ///< more: what is added; null where nothing is
  const Affine<Arithmetic<T>>* affine;
  T* y;
  cuda::Columns columns;
  bool relu;
  Arithmetic<T> ceiling;

  template <int width>
  STRATA_DEVICE void visit(const cuda::Visit& v) const {
    using A = Arithmetic<T>;
    Affine<A> of[width];
    for (int k = 0; k < width; ++k) of[k] = affine[columns.channel(v.column + k)];
    cuda::transfer(
        v.first, v.last, v.step,
        [&](std::int64_t i) {
          TwoPacks<T, width> in{tiles::load_pack<width>(x + i * width), {}};
          if (more != nullptr) in.second = tiles::load_pack<width>(more + i * width);
          return in;
        },
        [&](std::int64_t i, const TwoPacks<T, width>& in) {
          tiles::Pack<T, width> out;
          for (int k = 0; k < width; ++k) {
            A value = of[k](tiles::load(in.first.at[k]));
            if (more != nullptr) value += tiles::load(in.second.at[k]);
            if (relu) value = value < A(0) ? A(0) : value > ceiling ? ceiling : value;  // NaN stays
            out.at[k] = tiles::store<T>(value);
          }
          tiles::store_pack(y + i * width, out);
        });
  }
};

template <class T>
void batch_forward(Cuda& gpu, const Buffers& io, const BatchNormTrain& op) {
  using A = Arithmetic<T>;
  constexpr int width = norm::pack_width(sizeof(T));
  const cuda::Columns in = norm::reading(io.in_type(0).shape, width), out = norm::writing(io.in_type(0).shape, width);
  const T *x = io.in<T>(0).data(), *more = op.adds ? io.in<T>(3).data() : nullptr;
  auto* affine = io.scratch<Affine<A>>();
  auto* moments = reinterpret_cast<Moments<A>*>(affine + in.channels());
  cuda::for_columns<width>(gpu, in, PartialMoments<T>{x, moments});
  cuda::for_channels(
      gpu, in, FinishMoments<A>{moments, in, {io, 1}, {io, 2}, {io, 1}, {io, 2}, affine, static_cast<A>(op.epsilon)});
  cuda::for_columns<width>(
      gpu, out, Normalize<T>{x, more, affine, io.out<T>(0).data(), out, op.relu, static_cast<A>(op.ceiling)});
}

}  // namespace

std::optional<Kernel> BatchNormTrain::prepare(const CudaTarget&, const Signature& s) const {
  Kernel kernel;
  kernel.scratch_bytes = norm::scratch_bytes(s.inputs[0], 3, 3);
  kernel.in_place = {{0, 0}};
  if (adds) kernel.in_place.push_back({3, 0});
  kernel.launch = [op = *this](Cuda& gpu, const Buffers& io) {
    const void *x = io.in_raw()[0], *more = op.adds ? io.in_raw()[3] : nullptr, *y = io.out_raw()[0];
    cuda::expect_aligned(std::string(name), std::array{x, more, y});
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() { batch_forward<T>(gpu, io, op); });
  };
  return kernel;
}

}  // namespace strata
