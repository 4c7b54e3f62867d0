#include "core/cuda/element_types.h"
#include "core/cuda/rows.h"
#include "core/kernels/elements.h"
#include "core/ops/batch_norm.h"
#include "core/ops/norm_rows.h"

// Batch norm reads columns of x [rows, channels]: first each column in parts, then the parts of each together, then all
// elements once more. Layer norm gives each row to a team, and its gradients of gamma and beta are columns again.
// Statistics and partial sums are float for f32 and the 16-bit types, double for f64.
namespace strata {

namespace {
template <class T>
using Arithmetic = tiles::Arithmetic<T>;

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

/// Sums of g and of g times the normalized x: the gradients of beta and gamma.
template <class A>
struct Sums {
  A g = 0, g_normal = 0;
};
struct AddSums {
  template <class A>
  STRATA_DEVICE Sums<A> operator()(const Sums<A>& a, const Sums<A>& b) const {
    return {a.g + b.g, a.g_normal + b.g_normal};
  }
};

/// What x is normalized by: (x - mean) * inverse.
template <class A>
struct Normal {
  A mean, inverse;
  STRATA_DEVICE A operator()(A x) const { return (x - mean) * inverse; }
};

/// x with its columns cut into parts (cuda::column_parts). Neighbouring tasks have neighbouring channels.
struct Columns {
  std::int64_t rows, channels, parts;

  Columns(const Shape& x, std::int64_t threads)
      : rows(static_cast<std::int64_t>(norm::Rows(x).rows)),
        channels(x.back()),
        parts(cuda::column_parts(channels, rows, threads)) {}
  std::int64_t tasks() const { return parts * channels; }
  /// The row that task i starts with; the others follow `parts` apart.
  STRATA_DEVICE std::int64_t first_row(std::int64_t i) const { return cuda::quotient(i, channels); }
  STRATA_DEVICE std::int64_t channel(std::int64_t i) const { return i - first_row(i) * channels; }
};
constexpr std::int64_t reading_threads = 65536, writing_threads = 262144;

template <class T>
struct MomentsOfPart {
  const T* x;
  Moments<Arithmetic<T>>* out;  ///< [parts, channels]
  Columns c;

  STRATA_DEVICE void operator()(std::int64_t task) const {
    using A = Arithmetic<T>;
    constexpr int at_once = 8;  // their mean and deviations cost one division
    const std::int64_t channel = c.channel(task);
    const JoinMoments join;
    Moments<A> all;
    std::int64_t row = c.first_row(task);
    for (; row + (at_once - 1) * c.parts < c.rows; row += at_once * c.parts) {
      A v[at_once], sum = 0, squares = 0;
      for (int k = 0; k < at_once; ++k) v[k] = tiles::load(x[(row + k * c.parts) * c.channels + channel]);
      for (int k = 0; k < at_once; ++k) sum += v[k];
      const A mean = sum / A(at_once);
      for (int k = 0; k < at_once; ++k) squares += (v[k] - mean) * (v[k] - mean);
      all = join(all, Moments<A>{A(at_once), mean, squares});
    }
    for (; row < c.rows; row += c.parts)
      all = join(all, Moments<A>{A(1), tiles::load(x[row * c.channels + channel]), A(0)});
    out[task] = all;
  }
};

/// The parts of a channel joined: its statistics.
template <class T>
struct JoinParts {
  const Moments<Arithmetic<T>>* parts_of;
  T *mean, *variance;
  Normal<Arithmetic<T>>* normal;
  Columns c;
  Arithmetic<T> epsilon;

  STRATA_DEVICE void operator()(std::int64_t channel, const cuda::Team& team) const {
    using A = Arithmetic<T>;
    const auto read = [from = parts_of + channel, channels = c.channels](std::int64_t part) {
      return from[part * channels];
    };
    const Moments<A> all =
        team.reduce(cuda::fold(Moments<A>{}, JoinMoments{}, team.rank(), c.parts, team.size(), read), JoinMoments{});
    if (team.rank() != 0) return;
    const A v = all.squares / all.count;
    mean[channel] = tiles::store<T>(all.mean);
    variance[channel] = tiles::store<T>(v);
    normal[channel] = {all.mean, math::rsqrt(v + epsilon)};
  }
};

template <class T>
struct Normalize {
  const T *x, *gamma, *beta;
  const Normal<Arithmetic<T>>* normal;
  T* y;
  Columns c;
  bool relu;
  Arithmetic<T> ceiling;

  STRATA_DEVICE void operator()(std::int64_t task) const {
    using A = Arithmetic<T>;
    const std::int64_t channel = c.channel(task);
    const A mean = normal[channel].mean, scale = normal[channel].inverse * tiles::load(gamma[channel]);
    const A shift = tiles::load(beta[channel]);
    cuda::transfer(
        c.first_row(task) * c.channels + channel, c.rows * c.channels, c.parts * c.channels,
        [from = x](std::int64_t i) { return tiles::load(from[i]); },
        [=, relu = relu, ceiling = ceiling, to = y](std::int64_t i, A value) {
          const A result = (value - mean) * scale + shift, above = relu && result < A(0) ? A(0) : result;
          to[i] = tiles::store<T>(relu && above > ceiling ? ceiling : above);
        });
  }
};

/// The gradient as it comes to a batch norm with a ReLU behind it: 0 where the result was not in (0, ceiling].
template <class A>
struct ThroughRelu {
  A mean, scale, shift, ceiling;
  bool relu;
  STRATA_DEVICE A operator()(A g, A x) const {
    const A y = (x - mean) * scale + shift;
    return !relu || (y > A(0) && y <= ceiling) ? g : A(0);
  }
};
template <class T>
STRATA_DEVICE inline ThroughRelu<Arithmetic<T>> through_relu(const Normal<Arithmetic<T>>& normal, const T* gamma,
                                                             const T* beta, Arithmetic<T> ceiling,
                                                             std::int64_t channel) {
  if (beta == nullptr) return {};
  return {normal.mean, normal.inverse * tiles::load(gamma[channel]), tiles::load(beta[channel]), ceiling, true};
}

/// Gradients of gamma and beta over a part of a column; x is normalized by its channel's statistics or by its row's.
template <class T, bool by_row>
struct SumsOfPart {
  const T *g, *x, *mean, *variance;   ///< the statistics of channels
  const T *gamma, *beta;              ///< beta: null without a ReLU
  const Normal<Arithmetic<T>>* rows;  ///< the statistics of rows
  Sums<Arithmetic<T>>* out;           ///< [parts, channels]
  Columns c;
  Arithmetic<T> epsilon, ceiling;

  STRATA_DEVICE void operator()(std::int64_t task) const {
    using A = Arithmetic<T>;
    const std::int64_t channel = c.channel(task);
    Normal<A> of_channel{};
    if constexpr (!by_row)
      of_channel = {tiles::load(mean[channel]), math::rsqrt(tiles::load(variance[channel]) + epsilon)};
    const ThroughRelu<A> through = through_relu(of_channel, gamma, beta, ceiling, channel);
    out[task] = cuda::fold(Sums<A>{}, AddSums{}, c.first_row(task), c.rows, c.parts, [=, this](std::int64_t row) {
      const std::int64_t at = row * c.channels + channel;
      const Normal<A> normal = by_row ? rows[row] : of_channel;
      const A slope = through(tiles::load(g[at]), tiles::load(x[at]));
      return Sums<A>{slope, slope * normal(tiles::load(x[at]))};
    });
  }
};

/// The parts of a channel added: gradients of gamma and beta.
template <class T>
struct AddParts {
  const Sums<Arithmetic<T>>* parts_of;
  T *dgamma, *dbeta;
  Sums<Arithmetic<T>>* means;  ///< over the rows; null where nobody asks
  Columns c;

  STRATA_DEVICE void operator()(std::int64_t channel, const cuda::Team& team) const {
    using A = Arithmetic<T>;
    const auto read = [from = parts_of + channel, channels = c.channels](std::int64_t part) {
      return from[part * channels];
    };
    const Sums<A> all =
        team.reduce(cuda::fold(Sums<A>{}, AddSums{}, team.rank(), c.parts, team.size(), read), AddSums{});
    if (team.rank() != 0) return;
    dbeta[channel] = tiles::store<T>(all.g);
    dgamma[channel] = tiles::store<T>(all.g_normal);
    if (means != nullptr) means[channel] = {all.g / static_cast<A>(c.rows), all.g_normal / static_cast<A>(c.rows)};
  }
};

template <class A>
struct GradientAndInput {
  A g, x;
};

/// dx = gamma inverse (g - mean(g) - normal mean(g normal)).
template <class T>
struct BatchGradient {
  const T *g, *x, *gamma, *mean, *variance, *beta;  ///< beta: null without a ReLU
  const Sums<Arithmetic<T>>* means;
  T* dx;
  Columns c;
  Arithmetic<T> epsilon, ceiling;

  STRATA_DEVICE void operator()(std::int64_t task) const {
    using A = Arithmetic<T>;
    const std::int64_t channel = c.channel(task);
    const Normal<A> normal{tiles::load(mean[channel]), math::rsqrt(tiles::load(variance[channel]) + epsilon)};
    const Sums<A> m = means[channel];
    const A scale = tiles::load(gamma[channel]) * normal.inverse;
    const ThroughRelu<A> through = through_relu(normal, gamma, beta, ceiling, channel);
    cuda::transfer(
        c.first_row(task) * c.channels + channel, c.rows * c.channels, c.parts * c.channels,
        [from_g = g, from_x = x](std::int64_t i) {
          return GradientAndInput<A>{tiles::load(from_g[i]), tiles::load(from_x[i])};
        },
        [=, to = dx](std::int64_t i, const GradientAndInput<A>& at) {
          to[i] = tiles::store<T>(scale * (through(at.g, at.x) - m.g - normal(at.x) * m.g_normal));
        });
  }
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

template <class Body>
void for_channels(Cuda& gpu, const Columns& c, const Body& body) {
  cuda::for_rows(gpu, c.channels, cuda::line_width(c.channels, {c.parts, c.channels}), body);
}

template <class T>
void batch_forward(Cuda& gpu, const Buffers& io, const BatchNormTrain& op) {
  using A = Arithmetic<T>;
  const Columns reading(io.in_type(0).shape, reading_threads), writing(io.in_type(0).shape, writing_threads);
  const T *x = io.in<T>(0).data(), *gamma = io.in<T>(1).data(), *beta = io.in<T>(2).data();
  T *y = io.out<T>(0).data(), *mean = io.out<T>(1).data(), *variance = io.out<T>(2).data();
  auto* moments = io.scratch<Moments<A>>();
  auto* normal = reinterpret_cast<Normal<A>*>(moments + reading.tasks());
  cuda::for_each(gpu, reading.tasks(), MomentsOfPart<T>{x, moments, reading});
  for_channels(gpu, reading, JoinParts<T>{moments, mean, variance, normal, reading, static_cast<A>(op.epsilon)});
  cuda::for_each(gpu, writing.tasks(),
                 Normalize<T>{x, gamma, beta, normal, y, writing, op.relu, static_cast<A>(op.ceiling)});
}

template <class T>
void batch_backward(Cuda& gpu, const Buffers& io, const BatchNormGradient& op) {
  using A = Arithmetic<T>;
  const Columns reading(io.in_type(1).shape, reading_threads), writing(io.in_type(1).shape, writing_threads);
  const T *g = io.in<T>(0).data(), *x = io.in<T>(1).data(), *gamma = io.in<T>(2).data();
  const T *mean = io.in<T>(3).data(), *variance = io.in<T>(4).data();
  const T* beta = op.relu ? io.in<T>(5).data() : nullptr;
  T *dx = io.out<T>(0).data(), *dgamma = io.out<T>(1).data(), *dbeta = io.out<T>(2).data();
  auto *sums = io.scratch<Sums<A>>(), *means = sums + reading.tasks();
  const A epsilon = static_cast<A>(op.epsilon), ceiling = static_cast<A>(op.ceiling);
  cuda::for_each(gpu, reading.tasks(),
                 SumsOfPart<T, false>{g, x, mean, variance, gamma, beta, nullptr, sums, reading, epsilon, ceiling});
  for_channels(gpu, reading, AddParts<T>{sums, dgamma, dbeta, means, reading});
  cuda::for_each(gpu, writing.tasks(),
                 BatchGradient<T>{g, x, gamma, mean, variance, beta, means, dx, writing, epsilon, ceiling});
}

template <class T>
void layer_forward(Cuda& gpu, const Buffers& io, double e) {
  const Columns c(io.in_type(0).shape, reading_threads);
  cuda::for_rows(gpu, c.rows, cuda::row_width(c.channels),
                 LayerForward<T>{io.in<T>(0).data(), io.in<T>(1).data(), io.in<T>(2).data(), io.out<T>(0).data(),
                                 c.channels, static_cast<Arithmetic<T>>(e)});
}

template <class T>
void layer_backward(Cuda& gpu, const Buffers& io, double e) {
  using A = Arithmetic<T>;
  const Columns c(io.in_type(1).shape, reading_threads);
  const T *g = io.in<T>(0).data(), *x = io.in<T>(1).data(), *gamma = io.in<T>(2).data();
  T *dx = io.out<T>(0).data(), *dgamma = io.out<T>(1).data(), *dbeta = io.out<T>(2).data();
  auto* sums = io.scratch<Sums<A>>();
  auto* rows = reinterpret_cast<Normal<A>*>(sums + c.tasks());
  const A epsilon = static_cast<A>(e);
  cuda::for_rows(gpu, c.rows, cuda::row_width(c.channels),
                 LayerGradient<T>{g, x, gamma, dx, rows, c.channels, epsilon});
  cuda::for_each(gpu, c.tasks(),
                 SumsOfPart<T, true>{g, x, nullptr, nullptr, nullptr, nullptr, rows, sums, c, epsilon, A(0)});
  for_channels(gpu, c, AddParts<T>{sums, dgamma, dbeta, nullptr, c});
}

std::size_t statistic_bytes(const Signature& s) {
  return s.inputs[0].dtype == DType::f64 ? sizeof(double) : sizeof(float);
}

/// `launch.template operator()<T>(gpu, io)` for the element type of the inputs; `scratch` counts statistics.
template <class Launch>
Kernel norm_kernel(const Signature& s, std::int64_t scratch, std::vector<InPlace> in_place, Launch launch) {
  Kernel kernel;
  kernel.scratch_bytes = static_cast<std::size_t>(scratch) * statistic_bytes(s);
  kernel.in_place = std::move(in_place);
  kernel.launch = [launch](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(0).dtype, [&]<class T>() { launch.template operator()<T>(gpu, io); });
  };
  return kernel;
}
}  // namespace

std::optional<Kernel> BatchNormTrain::prepare(const CudaTarget&, const Signature& s) const {
  if (s.inputs[1].dtype != s.inputs[0].dtype) return std::nullopt;  // comes from a pass for the processor
  const Columns c(s.inputs[0].shape, reading_threads);
  return norm_kernel(s, 3 * c.tasks() + 2 * c.channels, {{0, 0}},
                     [op = *this]<class T>(Cuda& gpu, const Buffers& io) { batch_forward<T>(gpu, io, op); });
}

std::optional<Kernel> BatchNormGradient::prepare(const CudaTarget&, const Signature& s) const {
  if (s.inputs[2].dtype != s.inputs[1].dtype) return std::nullopt;  // comes from a pass for the processor
  const Columns c(s.inputs[1].shape, reading_threads);
  return norm_kernel(s, 2 * c.tasks() + 2 * c.channels, {{0, 0}, {1, 0}},
                     [op = *this]<class T>(Cuda& gpu, const Buffers& io) { batch_backward<T>(gpu, io, op); });
}

std::optional<Kernel> LayerNorm::prepare(const CudaTarget&, const Signature& s) const {
  return norm_kernel(s, 0, {{0, 0}},
                     [e = epsilon]<class T>(Cuda& gpu, const Buffers& io) { layer_forward<T>(gpu, io, e); });
}

std::optional<Kernel> LayerNormGradient::prepare(const CudaTarget&, const Signature& s) const {
  const Columns c(s.inputs[1].shape, reading_threads);
  return norm_kernel(s, 2 * c.tasks() + 2 * c.rows, {},
                     [e = epsilon]<class T>(Cuda& gpu, const Buffers& io) { layer_backward<T>(gpu, io, e); });
}

}  // namespace strata
