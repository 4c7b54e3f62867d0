#include "core/ops/matmul.h"

#include <algorithm>

#include "core/kernels/conv_geometry.h"
#include "core/kernels/gemm.h"
#include "core/ops/matmul_bf16.h"
#include "core/ops/matmul_problem.h"
#include "core/ops/reduce.h"
#include "core/ops/reshape.h"
#include "core/ops/widen.h"

namespace strata {

namespace {
using kernels::Index;

/// Below this many multiplications one thread is faster.
constexpr double parallel_work = 64.0 * 64 * 64;
constexpr std::size_t column_block = 32;

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

struct Problem : MatMulShapes {
  bool transpose_a = false, transpose_b = false, bias = false, relu = false;

  Index a_stride() const { return static_cast<Index>(transpose_a ? m : k); }
  Index b_stride() const { return static_cast<Index>(transpose_b ? k : n); }
};

/// Position of each batch entry of `shape` broadcast to `batch`, counted in entries.
std::vector<std::size_t> batch_positions(const Shape& shape, const Shape& batch) {
  std::vector<std::size_t> at(static_cast<std::size_t>(batch.elements()));
  const auto strides = row_major_strides(shape);
  for (std::size_t i = 0; i < at.size(); ++i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t position = 0;
    for (int axis = batch.rank() - 1; axis >= 0; --axis) {
      const std::int64_t index = rest % batch[axis];
      rest /= batch[axis];
      const int own = axis - (batch.rank() - shape.rank());
      if (own >= 0 && shape[own] != 1) position += index * strides[static_cast<std::size_t>(own)];
    }
    at[i] = static_cast<std::size_t>(position);
  }
  return at;
}

}  // namespace

MatMulShapes matmul_shapes(const MatMul& op, const Signature& s) {
  const Shape &a = s.inputs[0].shape, &b = s.inputs[1].shape;
  MatMulShapes p;
  p.m = static_cast<std::size_t>(a[op.transpose_a ? -1 : -2]);
  p.k = static_cast<std::size_t>(a[op.transpose_a ? -2 : -1]);
  p.n = static_cast<std::size_t>(b[op.transpose_b ? -2 : -1]);
  const Shape a_batch = a.slice(0, a.rank() - 2), b_batch = b.slice(0, b.rank() - 2);
  if (b.rank() == 2 && !op.transpose_a) {  // one matrix for all rows
    p.m *= static_cast<std::size_t>(a_batch.elements());
    p.a_at = p.b_at = {0};
    return p;
  }
  const Shape batch = broadcast(a_batch, b_batch, MatMul::name);
  p.batch = static_cast<std::size_t>(batch.elements());
  p.a_at = batch_positions(a_batch, batch);
  p.b_at = batch_positions(b_batch, batch);
  return p;
}

namespace {
Problem problem_of(const MatMul& op, const Signature& s) {
  return {matmul_shapes(op, s), op.transpose_a, op.transpose_b, op.epilogue.bias, op.epilogue.relu};
}

/// A 2-D product of f32 on several threads. Wide results are cut by columns, so that each thread packs its own part of B;
/// tall ones by rows, with B packed once by all threads together. Neither changes the order of any sum. (Why not oneDNN's
/// product: docs/design.md.)
class FloatProduct {
 public:
  FloatProduct(const Problem& p, int threads) : p_(p), by_columns_(p.n >= p.m) {
    const auto work = static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
    parts_ = work < parallel_work ? 1 : static_cast<std::size_t>(std::max(1, threads));
    packed_ = by_columns_ || parts_ == 1 ? 0 : aligned(kernels::gemm_packed_b_bytes(p.n, p.k));
    for (std::size_t part = 0; part < parts_; ++part)
      per_part_ = std::max(per_part_, aligned(packed_ > 0 ? kernels::gemm_packed_scratch_bytes(rows(part), p.k)
                                                          : kernels::gemm_scratch_bytes(by_columns_ ? p.m : rows(part),
                                                                                        by_columns_ ? columns(part) : p.n, p.k)));
  }

  std::size_t scratch_bytes() const { return packed_ + parts_ * per_part_; }

  void run(Cpu& cpu, const float* a, const float* b, const float* bias, float* c, std::byte* scratch) const {
    auto* packed = reinterpret_cast<float*>(scratch);
    const kernels::MatrixView whole_b{b, p_.b_stride(), p_.transpose_b};
    if (packed_ > 0)
      each_part(cpu, [&](std::size_t part) { kernels::gemm_pack_b_part(p_.n, p_.k, whole_b, packed, part, parts_); });
    each_part(cpu, [&](std::size_t part) { run_part(part, a, b, bias, c, packed, scratch + packed_ + part * per_part_); });
  }

 private:
  template <class F>
  void each_part(Cpu& cpu, F&& f) const {
    cpu.parallel_ranges(parts_, 1, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t part = first; part < last; ++part) f(part);
    });
  }

  std::size_t cut(std::size_t part, std::size_t size, std::size_t block) const {
    return std::min(size, (size * part / parts_ + block - 1) / block * block);
  }
  std::size_t first_row(std::size_t part) const { return by_columns_ ? 0 : part == parts_ ? p_.m : cut(part, p_.m, 1); }
  std::size_t first_column(std::size_t part) const { return !by_columns_ ? 0 : part == parts_ ? p_.n : cut(part, p_.n, column_block); }
  std::size_t rows(std::size_t part) const { return by_columns_ ? p_.m : first_row(part + 1) - first_row(part); }
  std::size_t columns(std::size_t part) const { return by_columns_ ? first_column(part + 1) - first_column(part) : p_.n; }

  void run_part(std::size_t part, const float* a, const float* b, const float* bias, float* c, const float* packed, void* scratch) const {
    const std::size_t row = first_row(part), column = first_column(part), m = rows(part), n = columns(part);
    if (m == 0 || n == 0) return;
    const kernels::MatrixView view_a{a + (p_.transpose_a ? row : row * p_.k), p_.a_stride(), p_.transpose_a};
    const kernels::MatrixView view_b{b + (p_.transpose_b ? column * p_.k : column), p_.b_stride(), p_.transpose_b};
    const kernels::GemmEpilogue epilogue{1.0f, 0.0f, bias ? bias + column : nullptr, p_.relu};
    float* to = c + row * p_.n + column;
    const auto stride = static_cast<Index>(p_.n);
    if (packed_ > 0)
      kernels::gemm_packed(m, n, p_.k, view_a, packed, to, stride, epilogue, scratch);
    else
      kernels::gemm(m, n, p_.k, view_a, view_b, to, stride, epilogue, scratch);
  }

  Problem p_;
  bool by_columns_;
  std::size_t parts_ = 1, packed_ = 0, per_part_ = 0;
};

Kernel float_kernel(const Problem& p, const CpuTarget& target) {
  Kernel kernel;
  if (p.batch == 1) {
    const auto product = std::make_shared<const FloatProduct>(p, target.threads);
    kernel.scratch_bytes = product->scratch_bytes();
    kernel.run = [product, bias = p.bias](Cpu& cpu, const Buffers& io) {
      product->run(cpu, io.in<float>(0).data(), io.in<float>(1).data(), bias ? io.in<float>(2).data() : nullptr, io.out<float>(0).data(),
                   io.scratch());
    };
    return kernel;
  }
  // Many small products: one thread each.
  const auto product = std::make_shared<const FloatProduct>(p, 1);
  const std::size_t scratch = product->scratch_bytes();
  kernel.scratch_bytes = scratch * static_cast<std::size_t>(std::max(1, target.threads));
  kernel.run = [product, p, scratch](Cpu& cpu, const Buffers& io) {
    const float *a = io.in<float>(0).data(), *b = io.in<float>(1).data(), *bias = p.bias ? io.in<float>(2).data() : nullptr;
    float* c = io.out<float>(0).data();
    cpu.parallel_ranges(p.batch, 1, [&](std::size_t first, std::size_t last, int part) {
      Cpu serial;
      for (std::size_t i = first; i < last; ++i)
        product->run(serial, a + p.a_at[i] * p.m * p.k, b + p.b_at[i] * p.k * p.n, bias, c + i * p.m * p.n,
                     io.scratch() + scratch * static_cast<std::size_t>(part));
    });
  };
  return kernel;
}

/// Row `row` of the product of two matrices, by the definition.
template <class T>
void plain_row(const Problem& p, std::size_t row, const T* a, const T* b, const T* bias, T* c) {
  std::fill_n(c, p.n, T(0));
  for (std::size_t j = 0; j < p.k; ++j) {
    const T factor = p.transpose_a ? a[j * p.m + row] : a[row * p.k + j];
    if (p.transpose_b)
      for (std::size_t i = 0; i < p.n; ++i) c[i] = static_cast<T>(c[i] + factor * b[i * p.k + j]);
    else
      for (std::size_t i = 0; i < p.n; ++i) c[i] = static_cast<T>(c[i] + factor * b[j * p.n + i]);
  }
  if (bias)
    for (std::size_t i = 0; i < p.n; ++i) c[i] = static_cast<T>(c[i] + bias[i]);
  if (p.relu)
    for (std::size_t i = 0; i < p.n; ++i) c[i] = c[i] < T(0) ? T(0) : c[i];
}

/// The element types other than f32: rows are cut among the threads.
template <class T>
Kernel plain_kernel(const Problem& p) {
  Kernel kernel;
  kernel.run = [p](Cpu& cpu, const Buffers& io) {
    const T* bias = p.bias ? io.in<T>(2).data() : nullptr;
    cpu.parallel_ranges(p.batch * p.m, 16, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t r = first; r < last; ++r) {
        const std::size_t i = r / p.m;
        plain_row(p, r % p.m, io.in<T>(0).data() + p.a_at[i] * p.m * p.k, io.in<T>(1).data() + p.b_at[i] * p.k * p.n, bias,
                  io.out<T>(0).data() + r * p.n);
      }
    });
  };
  return kernel;
}
}  // namespace

Type MatMul::infer(std::span<const Type> in) const {
  const std::size_t wanted = epilogue.bias ? 3 : 2;
  if (in.size() != wanted) fail_expected(name, std::to_string(wanted) + " inputs", std::to_string(in.size()));
  const Shape &a = in[0].shape, &b = in[1].shape;
  if (in[0].dtype != in[1].dtype || in[0].dtype == DType::boolean)
    fail_expected(name, "two arrays of one numeric element type", to_string(in[0]) + " and " + to_string(in[1]));
  if (a.rank() < 2 || b.rank() < 2) fail_expected(name, "arrays of rank 2 or more", to_string(a) + " and " + to_string(b));
  const std::int64_t k_a = a[transpose_a ? -2 : -1], k_b = b[transpose_b ? -1 : -2];
  if (k_a != k_b)
    fail_expected(name, "inner sizes that agree", to_string(a) + (transpose_a ? " transposed" : "") + " and " + to_string(b) +
                                                      (transpose_b ? " transposed" : ""));
  Shape out = broadcast(a.slice(0, a.rank() - 2), b.slice(0, b.rank() - 2), name);
  out.push_back(a[transpose_a ? -1 : -2]);
  out.push_back(b[transpose_b ? -2 : -1]);
  if (epilogue.bias && in[2].shape.elements() != out.back()) fail_expected(name, "a bias of " + std::to_string(out.back()), to_string(in[2]));
  return {in[0].dtype, out};
}

Values MatMul::vjp(const Node& node, Value g) const {
  if (epilogue != Epilogue{}) throw Error(name, "gradients are taken before epilogues are fused");
  const Value a = node.input(0), b = node.input(1);
  Value da = transpose_a ? matmul(b, g, {transpose_b, true}) : matmul(g, b, {false, !transpose_b});
  Value db;
  if (b.shape().rank() == 2 && a.shape().rank() > 2 && !transpose_a) {  // one product over all rows
    const Value rows = reshape(a, {-1, a.shape().back()}), grows = reshape(g, {-1, g.shape().back()});
    db = transpose_b ? matmul(grows, rows, {true, false}) : matmul(rows, grows, {true, false});
  } else {
    db = transpose_b ? matmul(g, a, {true, transpose_a}) : matmul(a, g, {!transpose_a, false});
  }
  return {sum_to_shape(da, a.shape()), sum_to_shape(db, b.shape())};
}

Kernel MatMul::prepare(const CpuTarget& target, const Signature& s) const {
  if (auto faster = bf16_matmul(*this, s, target.threads)) return *std::move(faster);
  if (has_16_bit_floats(s)) return widened_product(s, [&](const Signature& wide) { return prepare(target, wide); });
  const Problem p = problem_of(*this, s);
  switch (s.inputs[0].dtype) {
    case DType::f32: return float_kernel(p, target);
    case DType::f64: return plain_kernel<double>(p);
    case DType::i32: return plain_kernel<std::int32_t>(p);
    case DType::i64: return plain_kernel<std::int64_t>(p);
    default: return plain_kernel<std::uint8_t>(p);
  }
}

std::optional<Op> MatMul::with_epilogue(const Epilogue& added) const {
  if (epilogue.relu || (added.bias && epilogue.bias)) return std::nullopt;
  return Op(MatMul{transpose_a, transpose_b, {epilogue.bias || added.bias, added.relu}});
}

}  // namespace strata
