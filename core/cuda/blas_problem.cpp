#include "core/base/error.h"
#include "core/cuda/blas.h"

namespace strata::cuda {

namespace {
/// `[m,k] x [k,n]` as the operands lie in memory.
std::string matrix(std::int64_t rows, std::int64_t columns, bool transposed, std::int64_t stride, std::int64_t batch) {
  std::string text =
      "[" + std::to_string(transposed ? columns : rows) + "," + std::to_string(transposed ? rows : columns) + "]";
  if (transposed) text += "^T";
  if (batch > 1) text += " every " + std::to_string(stride);
  return text;
}
}  // namespace

std::string to_string(const MatMulProblem& p) {
  std::string text = "matmul " + std::string(to_string(p.dtype)) + " ";
  if (p.batch > 1) text += std::to_string(p.batch) + " times ";
  text += matrix(p.m, p.k, p.transpose_a, p.stride_a, p.batch) + " x " +
          matrix(p.k, p.n, p.transpose_b, p.stride_b, p.batch);
  if (p.bias) text += " + bias";
  if (p.relu) text += ", relu";
  if (p.tensor_float_32) text += ", tf32";
  return text;
}

bool matmul_takes(DType dtype) { return is_floating(dtype); }

void check(const MatMulProblem& p) {
  const std::string where = to_string(p);
  if (!matmul_takes(p.dtype))
    fail_expected(where, "f32, f64, f16 or bf16, the products that cuBLASLt has", to_string(p.dtype));
  if (p.m < 1 || p.n < 1 || p.k < 1 || p.batch < 1) fail_expected(where, "no size below 1", "others");
  if (p.batch > 1 && ((p.stride_a != 0 && p.stride_a < p.m * p.k) || (p.stride_b != 0 && p.stride_b < p.k * p.n)))
    fail_expected(where, "strides of 0 or of at least a matrix",
                  std::to_string(p.stride_a) + " and " + std::to_string(p.stride_b));
}

}  // namespace strata::cuda
