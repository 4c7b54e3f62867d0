#include "core/cuda/element_types.h"
#include "core/cuda/rows.h"
#include "core/kernels/elements.h"
#include "core/kernels/math_functions.h"
#include "core/ops/cross_entropy.h"

namespace strata {

namespace {
/// A row of logits: the largest and sum(exp(x - largest)).
template <class A>
struct Exponentials {
  A shift, sum;

  template <class Read>
  STRATA_DEVICE Exponentials(const cuda::Team& team, std::int64_t n, Read read) {
    const A top = cuda::largest_over<A>(team, n, read);
    shift = top;
    sum = cuda::sum_over<A>(team, n, [=](std::int64_t i) { return math::exp(read(i) - top); });
  }
};

/// The gradient of the loss, which the gradient ops have as their third input.
template <class T>
const T* loss_gradient(const Buffers& io) {
  return io.inputs() > 2 ? io.in<T>(2).data() : nullptr;
}

/// One example of the sparse loss and its gradient. A label that is no class makes both NaN.
template <class T>
struct SparseRow {
  cuda::Integers labels;
  const T *x, *g;
  T* out;  ///< the loss where there is no g
  std::int64_t classes;

  explicit SparseRow(const Buffers& io)
      : labels{io.in_raw()[0], io.in_type(0).dtype},
        x(io.in<T>(1).data()),
        g(loss_gradient<T>(io)),
        out(io.out<T>(0).data()),
        classes(io.in_type(1).shape.back()) {}
  STRATA_DEVICE void operator()(std::int64_t row, const cuda::Team& team) const {
    using A = tiles::Arithmetic<T>;
    const T* from = x + row * classes;
    const auto read = [from](std::int64_t i) { return tiles::load(from[i]); };
    const Exponentials<A> e(team, classes, read);
    const std::int64_t label = labels[row];
    const bool known = label >= 0 && label < classes;
    const A nan = math::detail::quiet_nan();
    if (g == nullptr) {
      if (team.rank() == 0) out[row] = tiles::store<T>(known ? math::log(e.sum) - (read(label) - e.shift) : nan);
      return;
    }
    const A scale = known ? tiles::load(g[row]) : nan, factor = scale / e.sum;
    cuda::transfer_over(team, classes, read, [=, to = out + row * classes](std::int64_t i, A value) {
      to[i] = tiles::store<T>(math::exp(value - e.shift) * factor - (i == label ? scale : A(0)));
    });
  }
};

/// One example of the loss with a target for each class, and its gradient.
template <class T>
struct DenseRow {
  const T *t, *x, *g;
  T* out;  ///< the loss where there is no g
  std::int64_t classes;

  explicit DenseRow(const Buffers& io)
      : t(io.in<T>(0).data()),
        x(io.in<T>(1).data()),
        g(loss_gradient<T>(io)),
        out(io.out<T>(0).data()),
        classes(io.in_type(1).shape.back()) {}
  template <class A>
  struct Pair {
    A t, x;
  };
  STRATA_DEVICE void operator()(std::int64_t row, const cuda::Team& team) const {
    using A = tiles::Arithmetic<T>;
    const std::int64_t start = row * classes;
    const auto logit = [from = x + start](std::int64_t i) { return tiles::load(from[i]); };
    const auto target = [from = t + start](std::int64_t i) { return tiles::load(from[i]); };
    const Exponentials<A> e(team, classes, logit);
    if (g == nullptr) {
      const A log_sum = math::log(e.sum);
      const A loss = cuda::sum_over<A>(team, classes, [=](std::int64_t i) {
        const A p = target(i), term = p * (log_sum - (logit(i) - e.shift));
        return p == A(0) ? A(0) : term;
      });
      if (team.rank() == 0) out[row] = tiles::store<T>(loss);
      return;
    }
    const A scale = tiles::load(g[row]), factor = cuda::sum_over<A>(team, classes, target) / e.sum;
    cuda::transfer_over(
        team, classes,
        [=](std::int64_t i) {
          return Pair<A>{target(i), logit(i)};
        },
        [=, to = out + start](std::int64_t i, const Pair<A>& p) {
          to[i] = tiles::store<T>(scale * (math::exp(p.x - e.shift) * factor - p.t));
        });
  }
};

/// Body<T>(io) for every example.
template <template <class> class Body>
Kernel example_kernel(const Signature& s, std::vector<InPlace> in_place) {
  const std::int64_t classes = s.inputs[1].shape.back(), examples = s.inputs[1].shape.elements() / classes;
  Kernel kernel;
  kernel.in_place = std::move(in_place);
  kernel.launch = [=](Cuda& gpu, const Buffers& io) {
    cuda::dispatch_floating(io.in_type(1).dtype,
                            [&]<class T>() { cuda::for_rows(gpu, examples, cuda::row_width(classes), Body<T>(io)); });
  };
  return kernel;
}
}  // namespace

std::optional<Kernel> SparseSoftmaxCrossEntropy::prepare(const CudaTarget&, const Signature& s) const {
  return example_kernel<SparseRow>(s, {});
}
std::optional<Kernel> SparseSoftmaxCrossEntropyGradient::prepare(const CudaTarget&, const Signature& s) const {
  return example_kernel<SparseRow>(s, {{1, 0}});
}
std::optional<Kernel> SoftmaxCrossEntropy::prepare(const CudaTarget&, const Signature& s) const {
  return example_kernel<DenseRow>(s, {});
}
std::optional<Kernel> SoftmaxCrossEntropyGradient::prepare(const CudaTarget&, const Signature& s) const {
  return example_kernel<DenseRow>(s, {{0, 0}, {1, 0}});
}

}  // namespace strata
