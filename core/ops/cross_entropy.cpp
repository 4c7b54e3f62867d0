#include "core/ops/cross_entropy.h"

#include "core/kernels/elementwise_functions.h"
#include "core/ops/binary.h"
#include "core/ops/elementwise_tiles.h"
#include "core/ops/fill.h"
#include "core/ops/reduce.h"
#include "core/ops/reshape.h"
#include "core/ops/softmax.h"
#include "core/ops/softmax_rows.h"

namespace strata {

namespace {
struct Sizes {
  std::size_t rows = 0, classes = 0;
};

Sizes sizes_of(const Type& logits) {
  const auto classes = static_cast<std::size_t>(logits.shape.back());
  return {classes == 0 ? 0 : static_cast<std::size_t>(logits.shape.elements()) / classes, classes};
}

Shape batch_of(const Type& logits, std::string_view name) {
  if (!is_floating(logits.dtype) || logits.shape.rank() == 0 || logits.shape.back() == 0)
    fail_expected(name, "floating logits [..., classes]", to_string(logits));
  return logits.shape.slice(0, logits.shape.rank() - 1);
}

void require_labels(const Type& labels, const Type& logits, std::string_view name) {
  const Shape batch = batch_of(logits, name);
  const bool integers = labels.dtype == DType::i32 || labels.dtype == DType::i64 || labels.dtype == DType::u8;
  if (!integers || labels.shape != batch)
    fail_expected(name, "labels of type i32, i64 or u8 and shape " + to_string(batch) + " for logits " + to_string(logits),
                  "labels " + to_string(labels));
}

void require_targets(const Type& targets, const Type& logits, std::string_view name) {
  batch_of(logits, name);
  if (targets != logits)
    fail_expected(name, "targets like the logits, " + to_string(logits), "targets " + to_string(targets));
}

void require_loss_gradient(const Type& g, const Type& logits, std::string_view name) {
  const Type wanted{logits.dtype, batch_of(logits, name)};
  if (g != wanted) fail_expected(name, "a loss gradient " + to_string(wanted), to_string(g));
}

template <class L>
void check_labels(std::span<const L> labels, std::size_t classes) {
  bool wrong = false;
  for (const L label : labels) wrong |= static_cast<std::uint64_t>(label) >= classes;
  if (!wrong) return;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (static_cast<std::uint64_t>(labels[i]) >= classes)
      fail_expected(SparseSoftmaxCrossEntropy::name,
                    "labels in [0, " + std::to_string(classes) + "), the number of classes",
                    "label " + std::to_string(labels[i]) + " at index " + std::to_string(i));
}

/// f.template operator()<T>() for the floating type d.
template <class F>
auto dispatch_floating(DType d, F&& f) {
  switch (d) {
    case DType::f64: return f.template operator()<double>();
    case DType::f16: return f.template operator()<Half>();
    case DType::bf16: return f.template operator()<BFloat16>();
    default: return f.template operator()<float>();
  }
}
template <class F>
auto dispatch_labels(DType d, F&& f) {
  switch (d) {
    case DType::i64: return f.template operator()<std::int64_t>();
    case DType::u8: return f.template operator()<std::uint8_t>();
    default: return f.template operator()<std::int32_t>();
  }
}

template <class L, class T>
void sparse_loss(Cpu& cpu, const Buffers& io) {
  const auto [rows, classes] = sizes_of(io.in_type(1));
  const auto labels = io.in<L>(0);
  const T* x = io.in<T>(1).data();
  T* loss = io.out<T>(0).data();
  check_labels(labels, classes);
  cpu.parallel_ranges(rows, rows::grain(classes), [&, n = classes](std::size_t begin, std::size_t end, int) {
    for (std::size_t r = begin; r < end; ++r) {
      const T* row = x + r * n;
      const auto shift = rows::largest(row, n);
      const auto log_sum = math::log(rows::sum_of_exp(row, n, shift));
      loss[r] = tiles::store<T>(log_sum - (tiles::load(row[static_cast<std::size_t>(labels[r])]) - shift));
    }
  });
}

template <class L, class T>
void sparse_gradient(Cpu& cpu, const Buffers& io) {
  const auto [rows, classes] = sizes_of(io.in_type(1));
  const auto labels = io.in<L>(0);
  const T *x = io.in<T>(1).data(), *g = io.in<T>(2).data();
  T* out = io.out<T>(0).data();
  check_labels(labels, classes);
  cpu.parallel_ranges(rows, rows::grain(classes), [&, n = classes](std::size_t begin, std::size_t end, int) {
    for (std::size_t r = begin; r < end; ++r) {
      const T* row = x + r * n;
      T* y = out + r * n;
      const auto shift = rows::largest(row, n);
      const auto scale = tiles::load(g[r]), factor = scale / rows::sum_of_exp(row, n, shift);
      const auto label = static_cast<std::size_t>(labels[r]);
      const auto at_label = math::exp(tiles::load(row[label]) - shift) * factor - scale;
      STRATA_INDEPENDENT_ITERATIONS
      for (std::size_t i = 0; i < n; ++i) y[i] = tiles::store<T>(math::exp(tiles::load(row[i]) - shift) * factor);
      y[label] = tiles::store<T>(at_label);
    }
  });
}

template <class T>
void dense_loss(Cpu& cpu, const Buffers& io) {
  using A = tiles::Arithmetic<T>;
  const auto [rows, classes] = sizes_of(io.in_type(1));
  const T *t = io.in<T>(0).data(), *x = io.in<T>(1).data();
  T* loss = io.out<T>(0).data();
  cpu.parallel_ranges(rows, rows::grain(classes), [&, n = classes](std::size_t begin, std::size_t end, int) {
    for (std::size_t r = begin; r < end; ++r) {
      const T *row = x + r * n, *target = t + r * n;
      const A shift = rows::largest(row, n);
      const A log_sum = math::log(rows::sum_of_exp(row, n, shift));
      loss[r] = tiles::store<T>(rows::sum_of<A>(n, [=](std::size_t i) {
        const A p = tiles::load(target[i]), term = p * (log_sum - (tiles::load(row[i]) - shift));
        return p == A{0} ? A{0} : term;
      }));
    }
  });
}

template <class T>
void dense_gradient(Cpu& cpu, const Buffers& io) {
  using A = tiles::Arithmetic<T>;
  const auto [rows, classes] = sizes_of(io.in_type(1));
  const T *t = io.in<T>(0).data(), *x = io.in<T>(1).data(), *g = io.in<T>(2).data();
  T* out = io.out<T>(0).data();
  cpu.parallel_ranges(rows, rows::grain(classes), [&, n = classes](std::size_t begin, std::size_t end, int) {
    for (std::size_t r = begin; r < end; ++r) {
      const T *row = x + r * n, *target = t + r * n;
      T* y = out + r * n;
      const A shift = rows::largest(row, n), scale = tiles::load(g[r]);
      const A total = rows::sum_of<A>(n, [=](std::size_t i) { return tiles::load(target[i]); });
      const A factor = total / rows::sum_of_exp(row, n, shift);
      STRATA_INDEPENDENT_ITERATIONS
      for (std::size_t i = 0; i < n; ++i)
        y[i] = tiles::store<T>(scale * (math::exp(tiles::load(row[i]) - shift) * factor - tiles::load(target[i])));
    }
  });
}
}  // namespace

Type SparseSoftmaxCrossEntropy::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 2, in);
  require_labels(in[0], in[1], name);
  return {in[1].dtype, in[0].shape};
}
Type SparseSoftmaxCrossEntropyGradient::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 3, in);
  require_labels(in[0], in[1], name);
  require_loss_gradient(in[2], in[1], name);
  return in[1];
}
Type SoftmaxCrossEntropy::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 2, in);
  require_targets(in[0], in[1], name);
  return {in[1].dtype, batch_of(in[1], name)};
}
Type SoftmaxCrossEntropyGradient::infer(std::span<const Type> in) const {
  detail::require_inputs(name, 3, in);
  require_targets(in[0], in[1], name);
  require_loss_gradient(in[2], in[1], name);
  return in[1];
}

Kernel SparseSoftmaxCrossEntropy::prepare(const CpuTarget&, const Signature& s) const {
  return dispatch_labels(s.inputs[0].dtype, [&]<class L>() {
    return dispatch_floating(s.inputs[1].dtype, []<class T>() { return Kernel{.run = sparse_loss<L, T>, .in_place = {}}; });
  });
}
Kernel SparseSoftmaxCrossEntropyGradient::prepare(const CpuTarget&, const Signature& s) const {
  return dispatch_labels(s.inputs[0].dtype, [&]<class L>() {
    return dispatch_floating(s.inputs[1].dtype,
                             []<class T>() { return Kernel{.run = sparse_gradient<L, T>, .in_place = {{1, 0}}}; });
  });
}
Kernel SoftmaxCrossEntropy::prepare(const CpuTarget&, const Signature& s) const {
  return dispatch_floating(s.inputs[1].dtype, []<class T>() { return Kernel{.run = dense_loss<T>, .in_place = {}}; });
}
Kernel SoftmaxCrossEntropyGradient::prepare(const CpuTarget&, const Signature& s) const {
  return dispatch_floating(s.inputs[1].dtype,
                           []<class T>() { return Kernel{.run = dense_gradient<T>, .in_place = {{0, 0}, {1, 0}}}; });
}
Tile SigmoidCrossEntropy::tile(std::span<const DType> in) const {
  return tiles::floating_binary<fn::SigmoidCrossEntropy, SigmoidCrossEntropy>(in[0]);
}

Values SparseSoftmaxCrossEntropy::vjp(const Node& node, Value g) const {
  return {{}, apply(SparseSoftmaxCrossEntropyGradient{}, node.input(0), node.input(1), g)};
}
Values SparseSoftmaxCrossEntropyGradient::vjp(const Node& node, Value h) const {
  const Value &labels = node.input(0), &x = node.input(1), &g = node.input(2);
  const Value hessian = apply(SoftmaxGradient{}, h, softmax(x));
  const Value unit = apply(SparseSoftmaxCrossEntropyGradient{}, labels, x, ones_like(g));
  return {{}, expand_dims(g, -1) * hessian, sum(h * unit, {-1})};
}
Values SoftmaxCrossEntropy::vjp(const Node& node, Value g) const {
  const Value &t = node.input(0), &x = node.input(1);
  return {-(expand_dims(g, -1) * log_softmax(x)), apply(SoftmaxCrossEntropyGradient{}, t, x, g)};
}
Values SoftmaxCrossEntropyGradient::vjp(const Node& node, Value h) const {
  const Value &t = node.input(0), &x = node.input(1), &g = node.input(2);
  const Value p = softmax(x), gs = expand_dims(g, -1);
  const Value to_targets = gs * (sum(h * p, {-1}, {.keepdims = true}) - h);
  const Value to_logits = gs * sum(t, {-1}, {.keepdims = true}) * apply(SoftmaxGradient{}, h, p);
  const Value unit = apply(SoftmaxCrossEntropyGradient{}, t, x, ones_like(g));
  return {to_targets, to_logits, sum(h * unit, {-1})};
}
Values SigmoidCrossEntropy::vjp(const Node& node, Value g) const {
  const Value &z = node.input(0), &x = node.input(1);
  return {sum_to_shape(-(g * x), z.shape()), sum_to_shape(g * (sigmoid(x) - z), x.shape())};
}

}  // namespace strata
