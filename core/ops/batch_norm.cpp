#include "core/ops/batch_norm.h"

#include <cmath>
#include <limits>

#include "core/ops/norm_loops.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
using namespace norm;
using tiles::Arithmetic, tiles::load, tiles::store;

// E is the element type of the images; T, that of statistics and sums, is float beside bf16.

/// Adds what the rows differ from the first one, and the squares of that: four rows for each visit to the sums.
template <class E, class T>
void add_deviations(const E* x, std::size_t rows, std::size_t c, T* sums, T* squares) {
  std::size_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const E *x0 = x + row * c, *x1 = x0 + c, *x2 = x1 + c, *x3 = x2 + c;
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      const T shift = load(x[i]);
      const T a = load(x0[i]) - shift, b = load(x1[i]) - shift, d = load(x2[i]) - shift, e = load(x3[i]) - shift;
      sums[i] += (a + b) + (d + e);
      squares[i] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows; ++row) {
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      const T a = load(x[row * c + i]) - load(x[i]);
      sums[i] += a;
      squares[i] += a * a;
    }
  }
}

/// Joins the moments of `added` more rows to those of `count` rows (Chan, Golub and LeVeque, 1979).
template <class T>
void join_moments(std::size_t c, T count, T* mean, T* squares, T added, const T* more_mean, const T* more_squares) {
  const T share = added / (count + added), weight = count * share;
  STRATA_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < c; ++i) {
    const T apart = more_mean[i] - mean[i];
    mean[i] += apart * share;
    squares[i] += more_squares[i] + apart * apart * weight;
  }
}

/// Mean and sum of squared deviations of rows, in one sweep: the first two of the four vectors at `moments`. Within a
/// block deviations are counted from its first row, so that a mean far from zero costs no digits.
template <class E, class T>
void moments_of_rows(const E* x, std::size_t rows, std::size_t c, T* moments) {
  T *mean = moments, *squares = mean + c, *block_mean = squares + c, *block_squares = block_mean + c;
  std::fill_n(moments, 2 * c, T(0));
  for (std::size_t start = 0; start < rows; start += rows_of_a_block) {
    const std::size_t count = std::min(rows_of_a_block, rows - start);
    const E* block = x + start * c;
    std::fill_n(block_mean, 2 * c, T(0));
    add_deviations(block, count, c, block_mean, block_squares);
    const T n = static_cast<T>(count);
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      const T apart = block_mean[i] / n, rest = block_squares[i] - apart * block_mean[i];
      block_mean[i] = load(block[i]) + apart;
      block_squares[i] = rest < 0 ? T(0) : rest;
    }
    join_moments(c, static_cast<T>(start), mean, squares, n, block_mean, block_squares);
  }
}

/// Mean and variance over all rows: of each thread's range, then joined in order.
template <class E, class T>
void statistics_of(Cpu& cpu, const Rows& r, const E* x, T* moments, T* mean, T* variance) {
  const std::size_t c = r.channels;
  if (r.rows == 0) {
    std::fill_n(mean, c, std::numeric_limits<T>::quiet_NaN());
    std::fill_n(variance, c, std::numeric_limits<T>::quiet_NaN());
    return;
  }
  cpu.parallel_ranges(r.rows, row_grain(r), [&](std::size_t first, std::size_t last, int part) {
    moments_of_rows(x + first * c, last - first, c, moments + 4 * c * static_cast<std::size_t>(part));
  });
  std::copy_n(moments, c, mean);
  std::copy_n(moments + c, c, variance);
  const auto parts = static_cast<std::size_t>(cpu.parts_of(r.rows, row_grain(r)));
  for (std::size_t p = 1; p < parts; ++p) {
    const std::size_t before = r.rows * p / parts, added = r.rows * (p + 1) / parts - before;
    const T* more = moments + 4 * c * p;
    join_moments(c, static_cast<T>(before), mean, variance, static_cast<T>(added), more, more + c);
  }
  for (std::size_t i = 0; i < c; ++i) variance[i] /= static_cast<T>(r.rows);
}

/// y = x * scale + shift. The gradient asks for the sign of y again: both evaluate this very expression.
template <class T>
struct Affine {
  const T *scale, *shift;
  T operator()(T x, std::size_t i) const { return x * scale[i] + shift[i]; }
};
template <class T>
Affine<T> affine_of(std::size_t c, const T* gamma, const T* beta, const T* mean, const T* variance, T epsilon,
                    T* room) {
  T *scale = room, *shift = room + c;
  for (std::size_t i = 0; i < c; ++i) {
    scale[i] = gamma[i] / std::sqrt(variance[i] + epsilon);
    shift[i] = beta[i] - mean[i] * scale[i];
  }
  return {scale, shift};
}

/// What becomes of a normalized number before it leaves.
template <bool adds, bool clamps, class E, class T>
struct Tail {
  const E* more;
  T ceiling;
  T operator()(T x, std::size_t at) const {
    if constexpr (adds) x += load(more[at]);
    if constexpr (!clamps) return x;
    const T above = x < 0 ? T(0) : x;  // NaN stays
    return above > ceiling ? ceiling : above;
  }
};

/// Loops take what they need by value: in a lambda that runs on several threads, results in 16 bits keep the compiler
/// from seeing that what was captured stays as it is.
template <class E, class T, class Finish>
void normalize_rows(const E* x, std::size_t first, std::size_t last, std::size_t c, Affine<T> affine, Finish tail,
                    E* y) {
  for (std::size_t at = first * c; at < last * c; at += c) {
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) y[at + i] = store<E>(tail(affine(load(x[at + i]), i), at + i));
  }
}

template <bool adds, bool clamps, class E, class T = Arithmetic<E>>
void batch_forward(Cpu& cpu, const Rows& r, const BatchNormTrain& op, const Buffers& io) {
  const E* x = io.in<E>(0).data();
  const T *gamma = io.in<T>(1).data(), *beta = io.in<T>(2).data();
  E* y = io.out<E>(0).data();
  T *mean = io.out<T>(1).data(), *variance = io.out<T>(2).data();
  const std::size_t c = r.channels;
  statistics_of(cpu, r, x, io.scratch<T>() + 2 * c, mean, variance);
  const Affine<T> affine = affine_of(c, gamma, beta, mean, variance, static_cast<T>(op.epsilon), io.scratch<T>());
  const Tail<adds, clamps, E, T> tail{adds ? io.in<E>(3).data() : nullptr, static_cast<T>(op.ceiling)};
  cpu.parallel_ranges(r.rows, row_grain(r), [&](std::size_t first, std::size_t last, int) {
    normalize_rows(x, first, last, c, affine, tail, y);
  });
}

/// The gradient as it comes to the normalization: through the ReLU behind it, if there is one.
template <bool relu, class E, class T>
struct Incoming {
  const E *g, *x;
  Affine<T> affine;
  T ceiling;
  T operator()(std::size_t at, std::size_t i) const {
    const T slope =
        load(g[at + i]);  // read in any case, and compared without branches, or the loop would not be vectorized
    if constexpr (relu) {
      const T v = load(store<E>(affine(load(x[at + i]), i)));  // as it left
      return ((v > 0) & (v <= ceiling)) ? slope : T(0);
    }
    return slope;
  }
};

/// Adds the gradients of rows to the first vector of `to`, and their products with x - mean to the second.
template <class E, class T, class G>
void add_gradients(G g, const E* x, const T* mean, std::size_t first, std::size_t last, std::size_t c, T* to) {
  T *sums = to, *products = to + c;
  std::size_t row = first;
  for (; row + 2 <= last; row += 2) {
    const std::size_t a = row * c, b = a + c;
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      const T ga = g(a, i), gb = g(b, i);
      sums[i] += ga + gb;
      products[i] += ga * (load(x[a + i]) - mean[i]) + gb * (load(x[b + i]) - mean[i]);
    }
  }
  for (; row < last; ++row) {
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i) {
      const T ga = g(row * c, i);
      sums[i] += ga;
      products[i] += ga * (load(x[row * c + i]) - mean[i]);
    }
  }
}

/// dx = slope g + constant + linear (x - mean), where the last four are vectors.
template <class E, class T, class G>
void gradient_rows(G g, const E* x, const T* mean, const T* slope, const T* constant, const T* linear,
                   std::size_t first, std::size_t last, std::size_t c, E* dx) {
  for (std::size_t at = first * c; at < last * c; at += c) {
    STRATA_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < c; ++i)
      dx[at + i] = store<E>(slope[i] * g(at, i) + (constant[i] + linear[i] * (load(x[at + i]) - mean[i])));
  }
}

/// With n rows, xhat = (x - mean) / sigma: dbeta = sum g, dgamma = sum g xhat,
/// dx = gamma / sigma (g - dbeta / n - xhat dgamma / n).
template <bool relu, class E, class T = Arithmetic<E>>
void batch_backward(Cpu& cpu, const Rows& r, const BatchNormGradient& op, const Buffers& io) {
  const E* x = io.in<E>(1).data();
  const T *gamma = io.in<T>(2).data(), *mean = io.in<T>(3).data(), *variance = io.in<T>(4).data();
  E* dx = io.out<E>(0).data();
  T *dgamma = io.out<T>(1).data(), *dbeta = io.out<T>(2).data();
  const std::size_t c = r.channels;
  const T epsilon = static_cast<T>(op.epsilon), n = static_cast<T>(r.rows);
  T *room = io.scratch<T>(), *sums = room + 2 * c, *slope = room + 4 * c, *constant = slope + c, *linear = constant + c;
  Incoming<relu, E, T> g{io.in<E>(0).data(), x, {}, static_cast<T>(op.ceiling)};
  if constexpr (relu) g.affine = affine_of(c, gamma, io.in<T>(5).data(), mean, variance, epsilon, room);
  sum_rows(cpu, r, 2, linear + c, sums,
           [&](std::size_t first, std::size_t last, T* to) { add_gradients(g, x, mean, first, last, c, to); });
  for (std::size_t i = 0; i < c; ++i) {
    const T inverse = T(1) / std::sqrt(variance[i] + epsilon);
    dbeta[i] = sums[i];
    dgamma[i] = sums[c + i] * inverse;
    slope[i] = gamma[i] * inverse;
    constant[i] = -slope[i] * dbeta[i] / n;
    linear[i] = -slope[i] * inverse * dgamma[i] / n;
  }
  cpu.parallel_ranges(r.rows, row_grain(r), [&](std::size_t first, std::size_t last, int) {
    gradient_rows(g, x, mean, slope, constant, linear, first, last, c, dx);
  });
}
}  // namespace

namespace {
/// Whether the vectors have the type of the sums, so that the loops take the images as they are.
bool takes_images(const Type& image, const Type& vector) {
  return !has_16_bit_floats({{vector}, {}}) && (image.dtype == vector.dtype || image.dtype == DType::bf16);
}
}  // namespace

Types BatchNormTrain::infer(std::span<const Type> in) const {
  if (adds && in.size() != 4) fail_expected(name, "4 inputs", std::to_string(in.size()));
  check(name, adds ? in.first(3) : in, 0, 3, true);
  if (adds && in[3] != in[0]) fail_expected(name, "something to add of type " + to_string(in[0]), to_string(in[3]));
  return {in[0], in[1], in[1]};
}

Values BatchNormTrain::vjp(const Node& node, std::span<const Value> g) const {
  if (g[1] || g[2]) throw Error(name, "the statistics of a batch cannot be differentiated; its output can");
  if (!g[0]) return no_gradient();
  if (relu || adds) throw Error(name, "gradients are taken before epilogues are fused");
  return apply_all(BatchNormGradient{epsilon}, g[0], node.input(0), node.input(1), node.output(1), node.output(2));
}

Kernel BatchNormTrain::prepare(const CpuTarget& target, const Signature& s) const {
  if (!takes_images(s.inputs[0], s.inputs[1]))
    return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  Kernel kernel = row_kernel<float, double, BFloat16>(
      target, s.inputs[0], 2, 4, [op = *this]<class E>(Cpu& cpu, const Rows& r, const Buffers& io) {
        if (op.adds && op.relu) return batch_forward<true, true, E>(cpu, r, op, io);
        if (op.adds) return batch_forward<true, false, E>(cpu, r, op, io);
        if (op.relu) return batch_forward<false, true, E>(cpu, r, op, io);
        batch_forward<false, false, E>(cpu, r, op, io);
      });
  kernel.in_place = {{0, 0}};
  if (adds) kernel.in_place.push_back({3, 0});
  return kernel;
}

Types BatchNormGradient::infer(std::span<const Type> in) const {
  check(name, in, 1, relu ? 6 : 5, true);
  return {in[1], in[2], in[2]};
}

Values BatchNormGradient::vjp(const Node&, std::span<const Value>) const {
  throw Error(name, "has no gradient: batch_norm can be differentiated once");
}

Kernel BatchNormGradient::prepare(const CpuTarget& target, const Signature& s) const {
  if (!takes_images(s.inputs[1], s.inputs[2]))
    return widened(s, [&](const Signature& wide) { return prepare(target, wide); });
  Kernel kernel = row_kernel<float, double, BFloat16>(
      target, s.inputs[1], 7, 4, [op = *this]<class E>(Cpu& cpu, const Rows& r, const Buffers& io) {
        if (op.relu)
          batch_backward<true, E>(cpu, r, op, io);
        else
          batch_backward<false, E>(cpu, r, op, io);
      });
  kernel.in_place = {{0, 0}, {1, 0}};
  return kernel;
}

}  // namespace strata
