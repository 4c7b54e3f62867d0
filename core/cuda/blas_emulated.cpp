// The plans of core/cuda/blas.h on a GPU that is emulated on the processor: the definition, in double.
#include <array>

#include "core/cuda/alignment.h"
#include "core/cuda/blas.h"
#include "core/cuda/emulated_arrays.h"
#include "core/device/cuda_emulated.h"

namespace strata::cuda {

struct MatMulPlan::Body {
  MatMulProblem problem;
  std::size_t workspace = 0;
  bool epilogue = true;
};

namespace {
/// C += op(A) op(B) of one product, row by row.
void add_product(const MatMulProblem& p, const double* a, const double* b, double* c) {
  const auto m = static_cast<std::size_t>(p.m), n = static_cast<std::size_t>(p.n), k = static_cast<std::size_t>(p.k);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < k; ++j) {
      const double factor = p.transpose_a ? a[j * m + i] : a[i * k + j];
      for (std::size_t l = 0; l < n; ++l) c[i * n + l] += factor * (p.transpose_b ? b[l * k + j] : b[j * n + l]);
    }
}

void multiply(const MatMulPlan::Body& plan, const void* a, const void* b, const void* bias, void* c) {
  const MatMulProblem& p = plan.problem;
  const auto batch = static_cast<std::size_t>(p.batch), n = static_cast<std::size_t>(p.n),
             size = static_cast<std::size_t>(p.m * p.n);
  const auto a_at = static_cast<std::size_t>(p.stride_a), b_at = static_cast<std::size_t>(p.stride_b);
  const auto all_a = read_array(a, p.dtype, (batch - 1) * a_at + static_cast<std::size_t>(p.m * p.k));
  const auto all_b = read_array(b, p.dtype, (batch - 1) * b_at + static_cast<std::size_t>(p.k * p.n));
  std::vector<double> all_c(batch * size);
  for (std::size_t i = 0; i < batch; ++i)
    add_product(p, all_a.data() + i * a_at, all_b.data() + i * b_at, all_c.data() + i * size);
  if (plan.epilogue && p.bias) {
    const auto row = read_array(bias, p.dtype, n);
    for (std::size_t i = 0; i < all_c.size(); ++i) all_c[i] += row[i % n];
  }
  if (plan.epilogue && p.relu)
    for (double& x : all_c) x = x < 0 ? 0 : x;
  write_array(c, p.dtype, all_c);
}
}  // namespace

MatMulPlan MatMulPlan::make(const CudaTarget&, const MatMulProblem& p) {
  check(p);
  // Not for f64, so that callers' own way is gone as well.
  return MatMulPlan(std::make_shared<const Body>(Body{p, 1000, p.dtype != DType::f64}));
}

std::size_t MatMulPlan::workspace_bytes() const { return body_->workspace; }
bool MatMulPlan::applies_epilogue() const { return body_->epilogue; }

void MatMulPlan::run(Cuda& gpu, const void* a, const void* b, const void* bias, void* c, void* workspace) const {
  expect_aligned(to_string(body_->problem), std::array{a, b, bias, static_cast<const void*>(c)});
  enqueue(gpu.stream().handle(), [body = body_, a, b, bias, c, workspace] {
    spoil(workspace, body->workspace);
    multiply(*body, a, b, bias, c);
  });
}

}  // namespace strata::cuda
