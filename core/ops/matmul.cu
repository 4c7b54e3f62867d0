#include "core/cuda/blas.h"
#include "core/cuda/launch.h"
#include "core/graph/tile_loops.h"
#include "core/ops/matmul.h"
#include "core/ops/matmul_problem.h"

namespace strata {

namespace {
template <class T>
STRATA_HD inline tiles::Arithmetic<T> finished(tiles::Arithmetic<T> x, const T* bias, std::int64_t column, bool relu) {
  if (bias != nullptr) x += tiles::load(bias[column]);
  if constexpr (std::is_signed_v<tiles::Arithmetic<T>>)
    if (relu && x < 0) return tiles::Arithmetic<T>{};
  return x;
}

/// One element of a product, by the definition: for the types that cuBLASLt lacks and for what is nothing to multiply.
template <class T>
struct PlainElement {
  const T *a, *b, *bias;
  T* c;
  std::int64_t m, n, k;
  bool transpose_a, transpose_b, relu;
  STRATA_HD void operator()(std::int64_t i) const {
    const std::int64_t row = i / n, column = i - row * n;
    tiles::Arithmetic<T> sum{};
    for (std::int64_t j = 0; j < k; ++j)
      sum = static_cast<tiles::Arithmetic<T>>(sum + tiles::load(a[transpose_a ? j * m + row : row * k + j]) *
                                                        tiles::load(b[transpose_b ? column * k + j : j * n + column]));
    c[i] = tiles::store<T>(finished(sum, bias, column, relu));
  }
};

template <class T>
struct FinishElement {
  T* c;
  const T* bias;
  std::int64_t n;
  bool relu;
  STRATA_HD void operator()(std::int64_t i) const {
    c[i] = tiles::store<T>(finished(tiles::load(c[i]), bias, i % n, relu));
  }
};

template <class F>
void with_number(DType d, F&& f) {
  switch (d) {
    case DType::f64:
      return f(double{});
    case DType::f16:
      return f(Half{});
    case DType::bf16:
      return f(BFloat16{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::i64:
      return f(std::int64_t{});
    case DType::u8:
      return f(std::uint8_t{});
    default:
      return f(float{});
  }
}

Kernel plain_kernel(const MatMul& op, const MatMulShapes& p) {
  return {.run = {}, .in_place = {}, .launch = [op, p](Cuda& gpu, const Buffers& io) {
            with_number(io.in_type(0).dtype, [&]<class T>(T) {
              const T* bias = op.epilogue.bias ? io.in<T>(2).data() : nullptr;
              for (std::size_t i = 0; i < p.batch; ++i)
                cuda::for_each(gpu, static_cast<std::int64_t>(p.m * p.n),
                               PlainElement<T>{io.in<T>(0).data() + p.a_at[i] * p.m * p.k,
                                               io.in<T>(1).data() + p.b_at[i] * p.k * p.n, bias,
                                               io.out<T>(0).data() + i * p.m * p.n, static_cast<std::int64_t>(p.m),
                                               static_cast<std::int64_t>(p.n), static_cast<std::int64_t>(p.k),
                                               op.transpose_a, op.transpose_b, op.epilogue.relu});
            });
          }};
}

/// The distance between the operands of neighbouring products, if it is always the same.
std::optional<std::int64_t> even_stride(const std::vector<std::size_t>& at, std::size_t elements) {
  if (at.size() < 2) return 0;
  const std::size_t step = at[1] - at[0];
  for (std::size_t i = 1; i < at.size(); ++i)
    if (at[i] - at[i - 1] != step) return std::nullopt;
  return static_cast<std::int64_t>(step * elements);
}

cuda::MatMulProblem problem_of(const MatMul& op, const MatMulShapes& p, DType dtype, const CudaTarget& target) {
  cuda::MatMulProblem q;
  q.dtype = dtype;
  q.m = static_cast<std::int64_t>(p.m);
  q.n = static_cast<std::int64_t>(p.n);
  q.k = static_cast<std::int64_t>(p.k);
  q.transpose_a = op.transpose_a;
  q.transpose_b = op.transpose_b;
  q.bias = op.epilogue.bias;
  q.relu = op.epilogue.relu;
  q.tensor_float_32 = target.tensor_float_32;
  return q;
}

void run_plan(const cuda::MatMulPlan& plan, Cuda& gpu, const Buffers& io, const MatMul& op, std::size_t a,
              std::size_t b, std::size_t c, std::int64_t rows) {
  const void* bias = op.epilogue.bias ? io.in_raw()[2] : nullptr;
  auto* out = static_cast<std::byte*>(io.out_raw()[0]) + c;
  plan.run(gpu, static_cast<const std::byte*>(io.in_raw()[0]) + a, static_cast<const std::byte*>(io.in_raw()[1]) + b,
           bias, out, io.scratch());
  if (plan.applies_epilogue() || op.epilogue == Epilogue{}) return;
  const std::int64_t n = io.out_type(0).shape.back();
  with_number(io.out_type(0).dtype, [&]<class T>(T) {
    cuda::for_each(gpu, rows * n,
                   FinishElement<T>{reinterpret_cast<T*>(out), static_cast<const T*>(bias), n, op.epilogue.relu});
  });
}
}  // namespace

std::optional<Kernel> MatMul::prepare(const CudaTarget& target, const Signature& s) const {
  const MatMulShapes p = matmul_shapes(*this, s);
  const DType dtype = s.inputs[0].dtype;
  const std::size_t element = size_of(dtype);
  if (!cuda::matmul_takes(dtype) || p.m == 0 || p.n == 0 || p.k == 0 || p.batch == 0) return plain_kernel(*this, p);
  cuda::MatMulProblem q = problem_of(*this, p, dtype, target);
  const auto stride_a = even_stride(p.a_at, p.m * p.k), stride_b = even_stride(p.b_at, p.k * p.n);
  const auto rows = static_cast<std::int64_t>(p.m);
  Kernel kernel;
  if (stride_a && stride_b) {
    q.batch = static_cast<std::int64_t>(p.batch);
    q.stride_a = *stride_a;
    q.stride_b = *stride_b;
    const auto plan = cuda::MatMulPlan::make(target, q);
    kernel.scratch_bytes = plan.workspace_bytes();
    kernel.launch = [plan, op = *this, all = rows * q.batch](Cuda& gpu, const Buffers& io) {
      run_plan(plan, gpu, io, op, 0, 0, 0, all);
    };
    return kernel;
  }
  // Leading axes that broadcast in both operands: one product after the other.
  if (p.m * p.k * element % 16 != 0 || p.k * p.n * element % 16 != 0 || p.m * p.n * element % 16 != 0)
    return plain_kernel(*this, p);
  const auto plan = cuda::MatMulPlan::make(target, q);
  kernel.scratch_bytes = plan.workspace_bytes();
  kernel.launch = [plan, op = *this, p, element, rows](Cuda& gpu, const Buffers& io) {
    for (std::size_t i = 0; i < p.batch; ++i)
      run_plan(plan, gpu, io, op, p.a_at[i] * p.m * p.k * element, p.b_at[i] * p.k * p.n * element,
               i * p.m * p.n * element, rows);
  };
  return kernel;
}

}  // namespace strata
